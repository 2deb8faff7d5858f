import Foundation
import PerceptCheckpoint
import PerceptFiles
import PerceptJSON
import PerceptNumbers
import Testing

/// Tensors of quantised rows: written, read, seen in another order, and damaged.
@Suite struct QuantizedTensorTests {
    private static let key = "percept.quantization"

    private func numbers(_ count: Int) -> [Float] { (0..<count).map { Float(sin(0.7 * Double($0))) } }

    /// A file with a matrix `m` of 12 x 40 in rows of a format, one in bf16 and a vector.
    private func write(_ format: QuantizedFormat, to path: String) throws {
        let entries = SafetensorsStream.ordered([
            .init(name: "v", content: .elements(.f32), shape: [3]),
            .init(name: "b", content: .elements(.bf16), shape: [1, 5]),
            .init(name: "m", content: .rows(format), shape: [12, 40]),
        ])
        #expect(entries.map(\.name) == ["m", "v", "b"], "rows first, so that they begin on 16 bytes")
        var stream = try SafetensorsStream(to: path, entries, metadata: ["origin": "test"])
        let rows = QuantizedRows.encode(rows: numbers(480), columns: 40, format: format)
        // In two parts, as it is made.
        try rows[..<100].withUnsafeBytes { try stream.write($0) }
        try rows[100...].withUnsafeBytes { try stream.write($0) }
        try [Float(1), 2, 3].withUnsafeBytes { try stream.write($0) }
        try [UInt16](repeating: 0x3f80, count: 5).withUnsafeBytes { try stream.write($0) }
        #expect(!FileManager.default.fileExists(atPath: path), "nothing appears before it is complete")
        try stream.commit()
    }

    private func withMatrix(_ format: QuantizedFormat, _ body: (CheckpointTensor) throws -> Void) throws {
        try Fixture.withTemporaryDirectory { directory in
            try write(format, to: directory + "/model.safetensors")
            try body(try #require(try Checkpoint(contentsOf: directory)["m"]))
        }
    }

    private func stored(_ tensor: CheckpointTensor, _ rows: Range<Int>) throws -> [UInt8] {
        var bytes = [UInt8](repeating: 0xaa, count: rows.count * tensor.storedRowByteCount)
        try bytes.withUnsafeMutableBytes { try tensor.copyStoredRows(rows, to: try #require($0.baseAddress)) }
        return bytes
    }

    @Test(arguments: QuantizedFormat.allCases)
    func rowsAreReadAsTheyWereWritten(format: QuantizedFormat) throws {
        let encoded = QuantizedRows.encode(rows: numbers(480), columns: 40, format: format)
        let decoded = QuantizedRows.decode(rows: encoded, columns: 40, format: format)
        let size = format.rowByteCount(columns: 40)
        try withMatrix(format) { matrix in
            #expect(matrix.shape == [12, 40] && matrix.count == 480 && matrix.quantization == format)
            #expect(matrix.storedRowByteCount == size)
            #expect(try matrix.values() == decoded)
            #expect(try matrix.values(row: 11) == Array(decoded[440...]))
            #expect(try stored(matrix, 2..<5) == Array(encoded[2 * size..<5 * size]))
            let mapped = try #require(try matrix.mappedRows(2..<5))
            #expect(Array(mapped.bytes) == Array(encoded[2 * size..<5 * size]))
            #expect(mapped.bytes.baseAddress.map { Int(bitPattern: $0) % 16 } == 0)
            // In a storage type, with padding.
            var halves = [UInt16](repeating: 9, count: 2 * 48)
            try halves.withUnsafeMutableBytes { buffer in
                let start = try #require(buffer.baseAddress)
                #expect(try !matrix.copyRows(3..<5, as: .f16, to: start, rowStride: 48))
            }
            for row in 0..<2 {
                for column in 0..<48 {
                    let expected = column < 40 ? Float16(decoded[(row + 3) * 40 + column]).bitPattern : 0
                    #expect(halves[row * 48 + column] == expected)
                }
            }
        }
    }

    @Test(arguments: QuantizedFormat.allCases)
    func rowsAreReorderedAndStackedButColumnsAreNot(format: QuantizedFormat) throws {
        try withMatrix(format) { matrix in
            let size = matrix.storedRowByteCount
            let view = try matrix.interleavingHalves(of: 6)
            let order = [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]
            let (all, plain) = (try stored(matrix, 0..<12), try matrix.values())
            #expect(try stored(view, 0..<12) == order.flatMap { Array(all[$0 * size..<($0 + 1) * size]) })
            #expect(try view.values() == order.flatMap { Array(plain[$0 * 40..<($0 + 1) * 40]) })
            #expect(try view.mappedRows(0..<2) == nil)
            #expect(try view.renamed("n").separatingHalves(of: 6).mappedRows(0..<12).map { Array($0.bytes) } == all)
            let both = try view.stacked(on: matrix, name: "both")
            #expect(both.quantization == format && both.shape == [24, 40])
            #expect(try stored(both, 11..<13) == stored(view, 11..<12) + stored(matrix, 0..<1))
            #expect(throws: CheckpointError.self) { try matrix.transposed() }
            #expect(throws: CheckpointError.self) { try matrix.reshaped([1, 12, 40]) }
        }
    }

    /// Changes the header's JSON and keeps the data.
    private func edited(_ path: String, _ edit: (String) -> String) throws {
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        let length = Int(bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) })
        let header = Array(edit(String(decoding: bytes[8..<8 + length], as: UTF8.self)).utf8)
        let size = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
        try Fixture.write(size + header + bytes[(8 + length)...], to: path)
    }

    /// What is replaced in the header, and what the message says.
    static let damages: [(old: String, new: String, message: String)] = [
        (#"\"version\": 1"#, #"\"version\": 2"#, "version 2 of the quantisation scheme"),
        (#"\"version\": 1"#, #"\"version\": null"#, "version none of the quantisation scheme"),
        ("percept-rows", "their-rows", "the quantisation scheme 'their-rows'"),
        (#"\"q8\""#, #"\"q3\""#, "the format 'q3' of quantised tensor 'm'"),
        (#"\"q8\""#, #"\"q4\""#, "q4 rows of a matrix of shape [12, 40] are u8 of shape [12, 48]"),
        ("[12, 40]", "[12, 100]", "q8 rows of a matrix of shape [12, 100]"),
        ("[12, 40]", "[11, 40]", "q8 rows of a matrix of shape [11, 40]"),
        ("[12, 40]", "[12, 0]", "quantised tensor 'm' has no valid shape"),
        ("[12, 40]", "[12, 9223372036854775807]", "quantised tensor 'm' has no valid shape"),
        ("[12, 40]", "[480]", "quantised tensor 'm' has no valid shape"),
        (#"\"m\": {"#, #"\"w\": {"#, "tensor 'w' is missing"),
        (#"\"m\": {"#, #"\"v\": {"#, "tensor 'v' is f32 of shape [3]"),
        (#"\"tensors\""#, #"\"tenors\""#, "has no object 'tensors'"),
        (#"{\"scheme\""#, #"\"scheme\""#, "is not JSON"),
        (#""dtype":"U8","shape":[12,80]"#, #""dtype":"U8","shape":[24,40]"#, "is u8 of shape [24, 40]"),
        (#""dtype":"U8","shape":[12,80]"#, #""dtype":"I8","shape":[12,80]"#, "is i8 of shape [12, 80]"),
    ]

    @Test(arguments: damages.indices)
    func damageIsNamed(index: Int) throws {
        let (old, new, message) = Self.damages[index]
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/model.safetensors"
            try write(.q8, to: path)
            try edited(path) { header in
                #expect(header.contains(old), "\(header)")
                return header.replacing(old, with: new)
            }
            let error = try #require(throws: CheckpointError.self) { try Checkpoint(contentsOf: path) }
            #expect(error.file == path && error.description.contains(message), "\(error)")
        }
    }

    @Test func aTruncatedFileIsNamed() throws {
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/model.safetensors"
            try write(.q8, to: path)
            let bytes = try Data(contentsOf: URL(filePath: path))
            for count in [bytes.count - 1, bytes.count - 400, 300, 9] {
                try bytes.prefix(count).write(to: URL(filePath: path))
                let error = try #require(throws: CheckpointError.self) { try Checkpoint(contentsOf: path) }
                #expect(error.file == path)
            }
        }
    }

    /// `Tools/fixtures/quantized.py` encodes and decodes by the documentation alone.
    @Test(arguments: QuantizedFormat.allCases)
    func whatOthersWroteIsReadAlike(format: QuantizedFormat) throws {
        let checkpoint = try Checkpoint(contentsOf: Fixture.path("quantized.safetensors"))
        for columns in [1, 31, 32, 33, 72, 256] {
            let tensor = try #require(checkpoint["\(format).\(columns)"])
            let expected = try #require(checkpoint["\(format).\(columns).decoded"])
            #expect(tensor.quantization == format && tensor.shape == [3, columns])
            let (found, wanted) = (try tensor.values(), try expected.values())
            #expect(found.map(\.bitPattern) == wanted.map(\.bitPattern), "\(format) \(columns)")
        }
    }

    @Test func jsonIsReadAsItWasWritten() throws {
        let value = JSON.members([
            "a": .array([.integer(1), .number(1e-5), .number(0.1), .null, .bool(true)]), "é\"\n": .string("\u{1}ü"),
            "o": .members(["x": .object([]), "y": .array([])]), "big": .number(1e300),
        ])
        for isIndented in [false, true] {
            var text = value.text(isIndented: isIndented)
            let read = try text.withUTF8 { try JSON(UnsafeRawBufferPointer($0), file: "text") }
            #expect(read == value)
        }
        #expect(value.setting("o", to: .integer(3))["o"] == .integer(3))
        #expect(value.setting("new", to: .integer(3)).members?.last?.name == "new")
    }

    @Test func aDirectoryAppearsWhenItIsComplete() throws {
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/out"
            func names() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: directory) }
            do {
                let abandoned = try NewDirectory(path: path)
                try Fixture.write([1], to: abandoned.temporaryPath + "/file")
                #expect(try names().count == 1 && !names().contains("out"))
            }
            #expect(try names().isEmpty)
            var made = try NewDirectory(path: path + "/")
            try Fixture.write([1], to: made.temporaryPath + "/file")
            try made.commit()
            #expect(try names() == ["out"])
            #expect(FileManager.default.fileExists(atPath: path + "/file"))
            #expect(throws: OutputError.exists(file: path)) { _ = try NewDirectory(path: path) }
            // What another has made meanwhile is left alone.
            let late = directory + "/late"
            var second = try NewDirectory(path: late)
            try FileManager.default.createDirectory(atPath: late, withIntermediateDirectories: false)
            try Fixture.write([1], to: late + "/theirs")
            do {
                try second.commit()
                Issue.record("the other's directory was replaced")
            } catch let error as OutputError { #expect(error == .exists(file: late)) }
            #expect(FileManager.default.fileExists(atPath: late + "/theirs"))
        }
    }
}
