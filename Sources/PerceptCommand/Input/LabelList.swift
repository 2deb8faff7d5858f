import Foundation
import Percept
import PerceptCommandKit

/// Labels as the user wrote them, to be given back byte for byte.
struct LabelList {
    let labels: [String]

    /// Nil where a label is empty.
    init?(commaSeparated text: String) {
        // By bytes: a comma with a combining mark behind it is another character, and still a comma.
        let parts = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty }) else { return nil }
        labels = parts.map { String(Substring($0)) }
    }

    /// One label a line; empty lines are left out, and line ends may be those of Windows.
    init(contentsOf path: String) throws(PerceptError) {
        let data: Data
        do { data = try Data(contentsOf: URL(filePath: path)) } catch {
            let exists = FileManager.default.fileExists(atPath: path)
            throw PerceptError(
                exists ? .badData : .missingInput, "\(path): \(exists ? "cannot be read" : "no such file")",
                cause: error)
        }
        let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]
        let bytes = data.starts(with: byteOrderMark) ? data.dropFirst(3) : data
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.last?.isEmpty == true { lines.removeLast() }
        if lines.allSatisfy({ $0.last == UInt8(ascii: "\r") }) { lines = lines.map { $0.dropLast() } }
        var labels: [String] = []
        for (index, line) in lines.enumerated() where !line.isEmpty {
            guard let label = String(validating: line, as: UTF8.self) else {
                throw PerceptError(.badData, "\(path): line \(index + 1) is not UTF-8")
            }
            labels.append(label)
        }
        guard !labels.isEmpty else { throw PerceptError(.badData, "\(path): holds no label") }
        self.labels = labels
    }
}
