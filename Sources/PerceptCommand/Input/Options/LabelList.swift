import Foundation
import Percept
import PerceptFiles

/// Labels as the user wrote them, to be given back byte for byte.
struct LabelList {
    let labels: [String]

    /// Labels between commas; blanks around them are none of theirs.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for one that is empty, or there twice.
    init(commaSeparated text: String) throws(PerceptError) {
        // By bytes: a comma with a combining mark behind it is another character, and still a comma.
        let parts = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        labels = parts.map { Self.trimmed(Substring($0)) }
        guard labels.allSatisfy({ !$0.isEmpty }) else { throw PerceptError(.usage, "--labels has an empty label") }
        try Self.requireDistinct(labels, "--labels")
    }

    /// One label a line, with all its blanks; lines with nothing else are left out, and line ends may be those of Windows.
    ///
    /// - Parameter path: a file, a pipe, or `-` for standard input.
    /// - Throws: ``PerceptError``, with ``PerceptError/Code/usage`` for a label that is there twice.
    init(contentsOf path: String) throws(PerceptError) {
        let data = try Self.contents(path)
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let bytes = data.starts(with: byteOrderMark) ? data.dropFirst(3) : data[...]
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        if lines.allSatisfy({ $0.last == UInt8(ascii: "\r") }) { lines = lines.map { $0.dropLast() } }
        var labels: [String] = []
        for (index, line) in lines.enumerated() {
            guard let label = String(validating: line, as: UTF8.self) else {
                throw PerceptError(.badData, "\(path): line \(index + 1) is not UTF-8")
            }
            if !Self.trimmed(label[...]).isEmpty { labels.append(label) }
        }
        guard !labels.isEmpty else { throw PerceptError(.badData, "\(path): holds no label") }
        try Self.requireDistinct(labels, path)
        self.labels = labels
    }

    /// Bytes of the largest list of labels.
    private static let mostBytes = 1 << 28

    private static func contents(_ path: String) throws(PerceptError) -> [UInt8] {
        let bytes: [UInt8]?
        do {
            if path == StandardInput.name, let descriptor = try StandardInput.duplicate(path) {
                defer { close(descriptor) }
                bytes = try Files.readToEnd(descriptor, limit: mostBytes)
            } else {
                bytes = try Files.contents(path, limit: mostBytes)
            }
        } catch let fault as FileFault {
            throw PerceptError(
                fault.isMissing ? .missingInput : .badData,
                "\(path): \(fault.isMissing ? "no such file" : "cannot be read: \(fault)")", cause: fault)
        } catch {
            throw PerceptError(error)
        }
        guard let bytes else {
            throw PerceptError(.badData, "\(path): is no list of labels: more than \(mostBytes) bytes")
        }
        return bytes
    }

    /// Without blanks at the ends, by scalars: a mark behind a blank is a part of the label.
    private static func trimmed(_ text: Substring) -> String {
        let scalars = text.unicodeScalars
        let isBlank = { (scalar: Unicode.Scalar) in scalar.properties.isWhitespace }
        guard let first = scalars.firstIndex(where: { !isBlank($0) }),
            let last = scalars.lastIndex(where: { !isBlank($0) })
        else { return "" }
        return String(scalars[first...last])
    }

    /// Two labels that look the same share their probability, and nobody could tell which is which.
    private static func requireDistinct(_ labels: [String], _ origin: String) throws(PerceptError) {
        var known: Set<String> = []
        for label in labels where !known.insert(label).inserted {
            throw PerceptError(.usage, "\(origin) has the label “\(label)” twice")
        }
    }
}
