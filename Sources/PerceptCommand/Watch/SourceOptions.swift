public import ArgumentParser
public import Percept
import PerceptCommandKit

/// What is watched, and how it is opened.
struct SourceOptions: ParsableArguments {
    @Flag(help: "List cameras with their formats, sizes and rates.")
    var list = false

    @Option(help: ArgumentHelp("Pixels across and down that a camera is asked for.", valueName: "width>x<height"))
    var size: SizeOption?

    @Option(help: ArgumentHelp("Frames a second that a camera is asked for.", valueName: "number"))
    var rate: Double?

    @Option(help: ArgumentHelp("How a camera is to send its pixels.", valueName: "name"))
    var format: FrameSourceOptions.CameraFormat?

    @Option(
        help: ArgumentHelp(
            "Seconds that an address may take to open, and be silent for before it counts as lost (default: 10).",
            valueName: "seconds"))
    var timeout: Double?

    @Flag(help: "Take servers of https:// and rtsps:// by their word, whatever certificate they show.")
    var insecure = false

    @Flag(help: "Play files as fast as frames are encoded, instead of at their own rate.")
    var asFastAsPossible = false

    @Flag(help: "Encode every frame and let the source wait; else a newer frame takes the place of one that waits.")
    var everyFrame = false

    @Argument(help: ArgumentHelp("A camera, a file, an address, - or test:.", valueName: "source"))
    var source: String?

    /// Opens the source.
    func open() async throws -> FrameSource {
        var options = FrameSourceOptions()
        options.width = size?.width
        options.height = size?.height
        options.frameRate = rate
        options.cameraFormat = format
        options.asFastAsPossible = asFastAsPossible
        options.timeout = timeout ?? options.timeout
        options.checksCertificates = !insecure
        return try await FrameSource.open(source ?? "", options: options)
    }

    func validate() throws {
        if let rate, !(rate > 0 && rate < 1e6) { throw ValidationError("--rate must be more than 0.") }
        if let timeout, !(timeout > 0 && timeout < 1e6) { throw ValidationError("--timeout must be more than 0.") }
        if let source { try refuseIdle(source) }
    }
}

/// `1280x720`.
struct SizeOption: ExpressibleByArgument {
    let width: Int
    let height: Int

    init?(argument: String) {
        let sides = argument.split(separator: "x", omittingEmptySubsequences: false).compactMap { Int($0) }
        guard sides.count == 2, sides.allSatisfy({ 1...32768 ~= $0 }) else { return nil }
        (width, height) = (sides[0], sides[1])
    }
}

extension FrameSourceOptions.CameraFormat: ExpressibleByArgument {}

extension FrameSource {
    /// For people: the source, what it sends, and how often.
    var text: String {
        var text = "\(name)  \(format)"
        if width > 0 { text += " \(width) x \(height)" }
        if let frameRate { text += ", \(Format.fixed(frameRate, 2).trimmingZeros) frames/s" }
        return text
    }
}

extension String {
    /// Of a number: `30` for `30.00`.
    fileprivate var trimmingZeros: String {
        guard contains(".") else { return self }
        var text = self
        while text.last == "0" { text.removeLast() }
        if text.last == "." { text.removeLast() }
        return text
    }
}
