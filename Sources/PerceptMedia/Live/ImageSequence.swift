import Foundation
import PerceptFiles
import PerceptFrame

/// Image files one after the other, as frames: a folder, a pattern such as `frames/%04d.png`, or one with `*` and `?`.
///
/// Each file is decoded as `ImageFile` decodes it, so that a frame gives what the file gives by itself. Files that cannot
/// be decoded are left out with a notice. Decoding takes memory for each file, unlike that of streams: formats and sizes
/// may differ from file to file.
///
/// `@unchecked Sendable` because `next` alone changes it, which one thread at a time calls; `stop` touches the signal,
/// which is `Sendable`.
final class ImageSequence: LiveSource, @unchecked Sendable {
    /// Frames a second where no rate is given, as FFmpeg has it.
    static let usualRate = 25.0

    let description: LiveDescription
    private let paths: [String]
    private let rate: Double
    private let signal: StopSignal
    private var pace: Pace?
    private var index = 0
    private var number = 0
    private var size: (width: Int, height: Int)
    private var held: LiveEvent?

    /// - Parameter paths: at least one.
    init(_ name: String, paths: [String], _ options: LiveOptions, _ signal: StopSignal) throws(MediaError.Fault) {
        self.paths = paths
        self.signal = signal
        rate = options.frameRate ?? Self.usualRate
        pace = options.asFastAsPossible ? nil : Pace(signal)
        // The first file that is an image tells what the sequence is.
        guard let first = paths.lazy.compactMap({ try? ImageFile.decode($0) }).first else {
            throw .unsupported("none of its \(paths.count) files can be decoded as an image")
        }
        size = (first.uprightWidth, first.uprightHeight)
        description = LiveDescription(
            name: name, width: size.width, height: size.height, frameRate: rate, format: "\(paths.count) images")
    }

    func stop() { signal.stop() }

    func next() -> LiveEvent? {
        if let event = held {
            held = nil
            return signal.isStopped ? nil : event
        }
        guard index < paths.count else { return nil }
        let (path, time) = (paths[index], Double(index) / rate)
        guard pace?.wait(until: time) ?? !signal.isStopped else { return nil }
        index += 1
        let arrival = ContinuousClock.now
        do throws(MediaError) {
            let frame = try ImageFile.decode(path)
            defer { number += 1 }
            let event = LiveEvent.frame(LiveFrame(frame, number: number, time: time, arrival: arrival))
            guard (frame.uprightWidth, frame.uprightHeight) == size else {
                size = (frame.uprightWidth, frame.uprightHeight)
                held = event
                return .notice(.resized(width: size.width, height: size.height))
            }
            return event
        } catch {
            return .notice(.corrupt(reason: "\(error)"))
        }
    }
}

extension ImageSequence {
    /// Endings of the files that a folder is searched for.
    private static let endings: Set<String> = [
        "jpg", "jpeg", "jfif", "png", "webp", "bmp", "gif", "tif", "tiff", "avif", "ppm",
    ]

    /// The files that a name stands for, in order of the numbers in their names; nil when it is no name of a sequence.
    static func paths(_ name: String) -> [String]? {
        if Files.exists(name) {
            guard Files.isDirectory(name) else { return nil }
            return files(in: name) { endings.contains(FileName.suffix($0)) }
        }
        guard let pattern = NamePattern(FileName.last(name)) else { return nil }
        return files(in: FileName.folder(name), where: pattern.matches)
    }

    private static func files(in folder: String, where isWanted: (String) -> Bool) -> [String] {
        let names = (try? Files.names(in: folder)) ?? []
        return names.filter { !$0.hasPrefix(".") && isWanted($0) }
            .sorted { $0.compare($1, options: [.numeric]) == .orderedAscending }
            .map { FileName.joined(folder, $0) }
    }
}

/// A file name with a number (`%d`, `%04d`) or with `*` and `?` in it.
package struct NamePattern {
    private enum Part {
        case text(Character)
        case anyCharacter
        case anyText
        case number(digits: Int)
    }

    private let parts: [Part]

    /// Nil for a name without a pattern.
    package init?(_ name: String) {
        var parts: [Part] = []
        var rest = Substring(name)
        var isPattern = false
        while let first = rest.popFirst() {
            switch first {
            case "*": parts.append(.anyText)
            case "?": parts.append(.anyCharacter)
            case "%":
                let digits = rest.prefix { $0.isASCII && $0.isNumber }
                guard rest.dropFirst(digits.count).first == "d" else {
                    parts.append(.text("%"))
                    continue
                }
                rest = rest.dropFirst(digits.count + 1)
                parts.append(.number(digits: Int(digits) ?? 1))
            default:
                parts.append(.text(first))
                continue
            }
            isPattern = true
        }
        guard isPattern else { return nil }
        self.parts = parts
    }

    package func matches(_ name: String) -> Bool { Self.matches(parts[...], Substring(name)) }

    private static func matches(_ parts: ArraySlice<Part>, _ name: Substring) -> Bool {
        guard let part = parts.first else { return name.isEmpty }
        let rest = parts.dropFirst()
        switch part {
        case .text(let character): return name.first == character && matches(rest, name.dropFirst())
        case .anyCharacter: return !name.isEmpty && matches(rest, name.dropFirst())
        case .anyText: return (0...name.count).contains { matches(rest, name.dropFirst($0)) }
        case .number(let digits):
            let count = name.prefix { $0.isASCII && $0.isNumber }.count
            guard count >= max(digits, 1) else { return false }
            return (max(digits, 1)...count).contains { matches(rest, name.dropFirst($0)) }
        }
    }
}
