import Foundation
import Percept
import PerceptFiles

/// The rows of `--out` on their way: on disk as they come, so that a long list takes no memory, and so that a run which was
/// killed can be gone on with.
///
/// They are in a file under the output's temporary name: a line that says what they were made with, then portions of what
/// was encoded at once, each behind its size and a checksum. A portion that was cut short counts as none.
final class EmbeddingRows {
    /// An input with what became of it.
    struct Row {
        enum Content {
            case embedding(MediaKind, [Float])
            case lost(PerceptError)
        }

        let origin: InputOrigin
        let content: Content
    }

    private var file: NewFile
    private let head: [UInt8]
    private var portion = ByteWriter()
    private var portionCount = 0
    /// Bytes of whole portions and what is in front of them.
    private var end: Int
    /// How many rows there are.
    private(set) var count = 0
    /// Elements of a row; nil before the first embedding.
    private(set) var width: Int?
    /// The last portion with embeddings that a killed run left, which is encoded again to compare.
    private var expected: [[Float]]?

    /// Bytes of one portion that are believed; more is damage.
    private static let mostBytes = 1 << 30
    private static let headerBytes = 16

    /// - Parameters:
    ///   - path: the output.
    ///   - options: all that the numbers depend on, in a line.
    ///   - resumes: goes on with what a killed run left, where it was made with the same options.
    /// - Throws: ``OutputError``.
    init(for path: String, options: String, resumes: Bool) throws {
        head = Array((options + "\n").utf8)
        end = head.count
        // Beside pipes and devices there is no place.
        let place = try NewFile.isFile(path) ? path : FileName.joined(NSTemporaryDirectory(), "percept-rows")
        file = try NewFile(path: place, as: resumes ? .continued : .whole)
        guard file.isTakenOver, try file.read(at: 0, count: head.count) == head else {
            if file.isTakenOver { try file.truncate(to: 0) }
            try file.write(head)
            return
        }
    }

    /// An input that is known from before; a folder that cannot be read has no row.
    typealias Known = (item: InputQueue.Item, row: Row?)

    /// Takes over the portions of a killed run whose inputs are the first ones of `inputs` and have not changed since.
    ///
    /// The last of them with embeddings is taken off again: what it becomes now is compared in ``complete()``.
    ///
    /// - Parameter body: takes each input that need not be encoded again.
    func takeOver(_ inputs: InputQueue, _ body: (Known) throws -> Void) throws {
        guard file.isTakenOver else { return }
        // What may be given back.
        var last: [Known] = []
        var lastEnd = end
        var place = head.count
        while let (rows, next) = try portion(at: place), let known = try Self.take(rows, from: inputs) {
            if rows.contains(where: \.isEncoded) {
                try keep(last, lastEnd, body)
                last = []
                expected = rows.compactMap(\.values)
            }
            last += known
            (place, lastEnd) = (next, next)
        }
        // Without any embedding nothing shows whether the model is the same.
        inputs.giveBack(last.map(\.item))
        try file.truncate(to: end)
    }

    private func keep(_ known: [Known], _ end: Int, _ body: (Known) throws -> Void) throws {
        for input in known {
            try body(input)
            if let row = input.row { note(row) }
        }
        self.end = end
    }

    private func note(_ row: Row) {
        count += 1
        if let values = row.values { width = values.count }
    }

    /// - Returns: the inputs of these rows, which are the next; nil where they are others, or were changed, and then none
    ///   is taken.
    private static func take(_ rows: [Row], from inputs: InputQueue) throws -> [Known]? {
        var known: [Known] = []
        var wanted = rows[...]
        while let row = wanted.first, let item = try inputs.next() {
            let origin: InputOrigin? =
                switch item {
                case .file(let file): InputOrigin(file)
                case .lost(let name, _, _): name.map { InputOrigin(lost: $0) }
                }
            guard let origin else {
                known.append((item, nil))
                continue
            }
            known.append((item, row))
            guard origin == row.origin, origin.stamp != nil || !row.isEncoded else { break }
            wanted.removeFirst()
        }
        guard wanted.isEmpty else {
            inputs.giveBack(known.map(\.item))
            return nil
        }
        return known
    }

    /// Adds a row; it is on its way to the disk with ``complete()``.
    func append(_ row: Row) {
        note(row)
        portionCount += 1
        portion.append(row)
    }

    /// Ends a portion.
    ///
    /// - Throws: ``PerceptError`` where a killed run had other embeddings of the same files.
    func complete() throws {
        guard portionCount > 0 else { return }
        if let expected {
            let found = try Self.rows(portion.bytes)?.compactMap(\.values) ?? []
            guard found == expected else {
                file.keep()
                throw PerceptError(
                    .usage,
                    "\(file.temporaryPath): was made with another model, device or driver; without --resume all is made anew"
                )
            }
            self.expected = nil
        }
        var header = ByteWriter()
        header.append(UInt64(portion.bytes.count))
        header.append(portion.bytes.reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })
        try file.write(header.bytes + portion.bytes)
        end += header.bytes.count + portion.bytes.count
        portion = ByteWriter()
        portionCount = 0
    }

    /// All rows in their order.
    func forEach(_ body: (Row) throws -> Void) throws {
        var place = head.count
        while place < end, let (rows, next) = try portion(at: place) {
            for row in rows { try body(row) }
            place = next
        }
    }

    /// The output is complete.
    func remove() { file.remove() }

    /// - Returns: the rows, and where the next portion begins; nil where there is no whole one.
    private func portion(at place: Int) throws -> (rows: [Row], next: Int)? {
        var header = ByteReader(try file.read(at: place, count: Self.headerBytes))
        guard let size = header.number(), let sum = header.number(), size <= Self.mostBytes else { return nil }
        let bytes = try file.read(at: place + Self.headerBytes, count: Int(size))
        guard bytes.count == Int(size),
            bytes.reduce(UInt64(0xCBF2_9CE4_8422_2325), { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }) == sum,
            let rows = try Self.rows(bytes)
        else { return nil }
        return (rows, place + Self.headerBytes + Int(size))
    }

    private static func rows(_ bytes: [UInt8]) throws -> [Row]? {
        var reader = ByteReader(bytes)
        var rows: [Row] = []
        while !reader.isAtEnd {
            guard let row = reader.row() else { return nil }
            rows.append(row)
        }
        return rows
    }
}

extension EmbeddingRows.Row {
    /// The embedding, if there is one.
    var values: [Float]? {
        if case .embedding(_, let values) = content { values } else { nil }
    }

    var isEncoded: Bool { values != nil }
}

/// Numbers and rows as bytes.
private struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func append(_ number: UInt64) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }

    mutating func append(_ text: some Collection<UInt8>) {
        append(UInt64(text.count))
        bytes += text
    }

    mutating func append(_ row: EmbeddingRows.Row) {
        append(FileName.bytes(row.origin.name))
        append(row.origin.stamp == nil ? 0 : 1 as UInt64)
        if let stamp = row.origin.stamp {
            for number in [stamp.size, stamp.seconds, stamp.nanoseconds] { append(UInt64(bitPattern: number)) }
        }
        switch row.content {
        case .embedding(let kind, let values):
            append(kind == .image ? 0 : 1 as UInt64)
            values.withUnsafeBytes { append($0) }
        case .lost(let error):
            append(2 as UInt64)
            append(UInt64(UInt32(bitPattern: error.code.rawValue)))
            append(Array(error.message.utf8))
        }
    }
}

/// Reads what ``ByteWriter`` has written; nil where it is something else.
private struct ByteReader {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }

    mutating func number() -> UInt64? {
        guard place + 8 <= bytes.count else { return nil }
        defer { place += 8 }
        return bytes.withUnsafeBytes {
            UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: place, as: UInt64.self))
        }
    }

    private mutating func text() -> ArraySlice<UInt8>? {
        guard let count = number(), count <= UInt64(bytes.count - place) else { return nil }
        defer { place += Int(count) }
        return bytes[place..<place + Int(count)]
    }

    mutating func row() -> EmbeddingRows.Row? {
        guard let name = text(), let hasStamp = number() else { return nil }
        var stamp: FileStamp?
        if hasStamp == 1 {
            guard let size = number(), let seconds = number(), let nanoseconds = number() else { return nil }
            stamp = FileStamp(
                size: Int64(bitPattern: size), seconds: Int64(bitPattern: seconds),
                nanoseconds: Int64(bitPattern: nanoseconds))
        }
        let origin = InputOrigin(name: FileName.text(name), stamp: stamp)
        switch number() {
        case .some(let kind) where kind < 2:
            guard let values = text(), values.count % 4 == 0 else { return nil }
            let floats = values.withUnsafeBytes { bytes in
                stride(from: 0, to: bytes.count, by: 4).map { bytes.loadUnaligned(fromByteOffset: $0, as: Float.self) }
            }
            return EmbeddingRows.Row(origin: origin, content: .embedding(kind == 0 ? .image : .video, floats))
        case 2:
            guard let raw = number(), let code = PerceptError.Code(rawValue: Int32(truncatingIfNeeded: raw)),
                let message = text()
            else { return nil }
            let error = PerceptError(code, String(decoding: message, as: UTF8.self))
            return EmbeddingRows.Row(origin: origin, content: .lost(error))
        default: return nil
        }
    }
}
