import Foundation
import Percept
import PerceptFiles

/// Names of files that stand in a list, read as they come: from a file, a pipe or standard input.
///
/// A name ends with its line, or at a byte of 0, and is any other bytes. Of lines the end may be that of Windows, a mark
/// of UTF-8 may stand in front of the first, and empty ones say nothing.
final class NameList {
    private let list: String
    private let end: UInt8
    private let descriptor: Int32
    /// What was read and not yet given; names begin at `position`.
    private var bytes: [UInt8] = []
    private var position = 0
    private var isAtEnd = false
    private var count = 0

    /// Bytes that a name may have: paths of the system are shorter.
    private static let longest = 1 << 16

    /// - Parameters:
    ///   - list: a file, or `-` for standard input.
    ///   - endsAtNull: whether names end at a byte of 0 rather than with their line.
    init(_ list: String, endsAtNull: Bool) throws(PerceptError) {
        self.list = list
        end = endsAtNull ? 0 : UInt8(ascii: "\n")
        if list == StandardInput.name, let copy = try StandardInput.duplicate(list) {
            descriptor = copy
        } else {
            descriptor = Files.open(list, O_RDONLY)
            let fault = FileFault()
            guard descriptor >= 0 else {
                throw PerceptError(
                    fault.isMissing ? .missingInput : .badData,
                    "\(list): \(fault.isMissing ? "no such file" : "cannot be read: \(fault)")", cause: fault)
            }
        }
    }

    deinit { close(descriptor) }

    /// The next name; nil at the end of the list.
    ///
    /// - Throws: ``PerceptError`` for a list that is none, with ``PerceptError/Code/cancelled`` when the task is cancelled.
    func next() throws(PerceptError) -> String? {
        while let entry = try entry() {
            count += 1
            guard !entry.isEmpty else { continue }
            if end != 0 && entry.contains(0) {
                throw PerceptError(
                    .badData, "\(list): line \(count) has a byte of 0 in it; --null takes names that end so")
            }
            return FileName.text(entry)
        }
        return nil
    }

    /// The bytes up to the next end, without it; nil where there are none.
    private func entry() throws(PerceptError) -> ArraySlice<UInt8>? {
        var searched = position
        while true {
            if let place = bytes[searched...].firstIndex(of: end) {
                defer { position = place + 1 }
                return trimmed(bytes[position..<place])
            }
            searched = bytes.count
            guard bytes.count - position <= Self.longest else {
                throw PerceptError(
                    .badData, "\(list): is no list of names: its entry \(count + 1) is longer than names are")
            }
            if isAtEnd {
                defer { position = bytes.count }
                return position < bytes.count ? trimmed(bytes[position...]) : nil
            }
            bytes.removeFirst(position)
            searched -= position
            position = 0
            try readMore()
        }
    }

    private func readMore() throws(PerceptError) {
        let isStart = count == 0 && bytes.isEmpty
        do {
            // So that a wait for whoever writes the list can be ended.
            while try !Files.waitUntilReadable(descriptor, milliseconds: 200) {
                if Task.isCancelled { throw PerceptError(.cancelled, "cancelled") }
            }
            let more = try Files.readSome(descriptor, atMost: 1 << 16)
            isAtEnd = more.isEmpty
            bytes += more
        } catch let error as PerceptError {
            throw error
        } catch {
            throw PerceptError(.badData, "\(list): cannot be read: \(error)", cause: error)
        }
        guard isStart, end != 0 else { return }
        if bytes.starts(with: [0xFF, 0xFE]) || bytes.starts(with: [0xFE, 0xFF]) {
            throw PerceptError(.badData, "\(list): is in UTF-16; names are taken as bytes, or in UTF-8")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
    }

    /// A line without the rest of its end. A name may end so too: then there is a file of that name.
    private func trimmed(_ entry: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        guard end != 0, entry.last == UInt8(ascii: "\r") else { return entry }
        return Files.status(FileName.text(entry), followsLinks: false) == nil ? entry.dropLast() : entry
    }
}
