import PerceptCheckpoint
import PerceptFiles
import PerceptJSON
import PerceptNumbers
import TestSupport
import Testing

@Suite struct SafetensorsTests {
    private func open(_ header: String, data: Int, length: UInt64? = nil) throws -> Checkpoint {
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/m.safetensors"
            let bytes = withUnsafeBytes(of: (length ?? UInt64(header.utf8.count)).littleEndian) { Array($0) }
            try Fixture.write(bytes + header.utf8 + [UInt8](repeating: 1, count: data), to: path)
            return try Checkpoint(contentsOf: path)
        }
    }

    private static func entry(_ name: String, _ type: String, _ shape: String, _ offsets: String) -> String {
        "\"\(name)\":{\"dtype\":\"\(type)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
    }

    @Test func aValidHeaderIsRead() throws {
        let header = "{\(Self.entry("a", "U8", "[2,2]", "[0,4]")),\(Self.entry("b", "BF16", "[]", "[4,6]"))}  "
        let checkpoint = try open(header, data: 6)
        #expect(checkpoint.tensors.map(\.shape) == [[2, 2], []])
        #expect(checkpoint.tensors.map(\.elementType) == [.u8, .bf16])
    }

    @Test("A header's length may look like the start of a pickle", arguments: 1...5)
    func aLengthIsNoPickle(version: Int) throws {
        let header = "{\(Self.entry("a", "U8", "[4]", "[0,4]"))}"
        let length = version << 8 | 0x80
        let checkpoint = try open(header + String(repeating: " ", count: length - header.utf8.count), data: 4)
        #expect(checkpoint.tensors.map(\.name) == ["a"])
    }

    private static let faultyHeaders: [(String, String)] = [
        (entry("a", "U8", "[0,1099511627776,1099511627776]", "[0,0]"), "no valid shape"),
        (entry("a", "U8", "[5]", "[0,4]"), "cannot have 4 bytes"),
        (entry("a", "U8", "[-4]", "[0,4]"), "no valid shape"),
        (entry("a", "U8", "[4.5]", "[0,4]"), "no valid shape"),
        (entry("a", "F32", "[4611686018427387904,4]", "[0,4]"), "no valid shape"),
        (entry("a", "F32", "[4611686018427387904]", "[0,4]"), "cannot have"),
        (entry("a", "U8", "[4]", "[4,0]"), "data_offsets"),
        (entry("a", "U8", "[4]", "[0,4,5]"), "data_offsets"),
        ([entry("a", "U8", "[2]", "[0,2]"), entry("b", "U8", "[3]", "[1,4]")].joined(separator: ","), "overlaps"),
        ([entry("a", "U8", "[2]", "[0,2]"), entry("b", "U8", "[1]", "[3,4]")].joined(separator: ","), "gap"),
        (entry("a", "U8", "[3]", "[0,3]"), "1 bytes follow"),
        (entry("a", "U8", "[9]", "[0,9]"), "truncated"),
        ([entry("a", "U8", "[2]", "[0,2]"), entry("a", "U8", "[2]", "[2,4]")].joined(separator: ","), "twice"),
        (#""a":{"shape":[4],"data_offsets":[0,4]}"#, "no dtype"),
        (#""a":3"#, "no dtype"),
        (#""a":"#, "JSON"),
    ]

    @Test func elementsThatAreNotReadStandAsNames() throws {
        let header = "{\(Self.entry("a", "F8_E4M3", "[4]", "[0,4]")),\(Self.entry("b", "F4", "[3]", "[4,6]"))}"
        let checkpoint = try open(header, data: 6)
        #expect(checkpoint.tensors.map(\.shape) == [[4], [3]])
        let error = #expect(throws: CheckpointError.self) { try checkpoint.tensor("a", [4]) }
        #expect(error?.description.contains("the element type 'F8_E4M3' of tensor 'a'") == true)
    }

    @Test(arguments: faultyHeaders)
    func aFaultyHeaderIsRefused(members: String, reason: String) throws {
        let error = try #require(throws: CheckpointError.self) { try open("{\(members)}", data: 4) }
        #expect(error.description.contains(reason) && error.description.contains("m.safetensors"), "\(error)")
    }

    @Test(arguments: [100_000_001, UInt64.max, UInt64(Int.max), 99])
    func aFaultyHeaderLengthIsRefused(length: UInt64) {
        #expect(throws: CheckpointError.self) { try open("{}", data: 4, length: length) }
    }

    @Test func whatIsWrittenIsReadBack() throws {
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/out.safetensors"
            var writer = SafetensorsWriter()
            writer.metadata = ["model": "PE \"Core\"\n\\", "é": "\u{1}"]
            writer.add("flags", [3], .u8, [1, 2, 3])
            writer.add("embeddings", [2, 3], [1, 2, 3, 4, 5, -.infinity])
            writer.add("half", [1], .f16, [0, 0x3C])
            try writer.write(to: path)
            try writer.write(to: path)
            let file = try SafetensorsFile(MappedFile(path: path))
            #expect(file.metadata == writer.metadata)
            #expect(file.tensors.map(\.name) == ["embeddings", "half", "flags"])
            #expect(try file.tensors.map { try $0.values() } == [[1, 2, 3, 4, 5, -.infinity], [1], [1, 2, 3]])
            #expect(throws: OutputError.self) { try writer.write(to: directory + "/absent/out.safetensors") }
        }
    }

    @Test(arguments: [[6], [2, 3], [1, 6, 1], [0, 4]])
    func arraysAreWrittenForNumPy(shape: [Int]) throws {
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/out.npy"
            let elements = (0..<shape.reduce(1, *)).map(Float.init)
            try NPYWriter.write(elements, shape: shape, to: path)
            let file = try MappedFile(path: path)
            #expect(file.bytes.prefix(8).elementsEqual([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59, 1, 0]))
            let length = Int(file.bytes[8]) + Int(file.bytes[9]) << 8
            #expect((10 + length).isMultiple(of: 64) && file.bytes[9 + length] == 0x0A)
            let sides = shape.count == 1 ? "(6,)" : "(\(shape.map(String.init).joined(separator: ", ")))"
            let header = String(decoding: file.bytes[10..<10 + length], as: UTF8.self)
            #expect(header.hasPrefix("{'descr': '<f4', 'fortran_order': False, 'shape': \(sides), }"))
            #expect(file.count == 10 + length + elements.count * 4)
        }
    }
}
