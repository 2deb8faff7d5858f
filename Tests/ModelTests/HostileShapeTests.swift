import Foundation
import PerceptCheckpoint
import PerceptGraph
import PerceptModels
import PerceptNumbers
import Testing

/// Shapes whose products and sums overflow, or that have no element, under every name of every layout: each is refused in
/// words.
@Suite struct HostileShapeTests {
    private static let shapes = [
        [0], [0, 0], [0, 1 << 40, 1 << 40], [1 << 62, 0], [0, 1 << 62], [1 << 62, 0, 4], [Int.max, 0], [0, Int.max],
        [Int.max, 0, Int.max], [0, 3, 4, 4], [1 << 32, 0, 1 << 32], [1, 0], [0, 8], [24, 0], [0, 0, 0, 0, 0, 0],
    ]

    private static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()

    /// The tensors of a layout, and what opens it.
    private func layout(_ name: String) throws -> (Checkpoint, (Checkpoint) throws -> Void) {
        let models = Self.fixtures.appending(path: "CheckpointTests/Fixtures/models")
        func encoder(_ file: String) throws -> (Checkpoint, (Checkpoint) throws -> Void) {
            let path = models.appending(path: file).path
            let config = try EncoderCheckpoint(contentsOf: path).config
            return (try Checkpoint(contentsOf: path), { _ = try EncoderCheckpoint($0, config: config) })
        }
        func language(_ file: String) throws -> (Checkpoint, (Checkpoint) throws -> Void) {
            let path = PLMFixture.path("files/" + file)
            let config = try PLMCheckpoint(contentsOf: path).config
            return (try Checkpoint(contentsOf: path), { _ = try PLMCheckpoint($0, config: config) })
        }
        switch name {
        case "timm": return try encoder("timm")
        case "open_clip": return try encoder("openclip.safetensors")
        case "official": return try encoder("official.pt")
        case "tower": return try encoder("vision.pt")
        case "original": return try language("original")
        default: return try language("transformers")
        }
    }

    @Test(arguments: ["timm", "open_clip", "official", "tower", "transformers", "original"])
    func everyNameWithEveryShapeIsRefused(name: String) throws {
        let (source, open) = try layout(name)
        try open(source)
        for tensor in source.tensors {
            for shape in Self.shapes {
                do {
                    let hostile = try Self.tensor(tensor.name, shape)
                    let others = source.tensors.filter { $0.name != tensor.name }
                    try open(Checkpoint(path: "memory", tensors: others + [hostile]))
                    Issue.record("\(tensor.name) of shape \(shape) was accepted")
                } catch let error as CheckpointError {
                    #expect(!error.description.isEmpty)
                }
            }
        }
    }

    /// Both halves of what is stacked, and all that is reordered, have the shape.
    @Test(arguments: shapes)
    func everyTensorWithTheShapeIsRefused(shape: [Int]) throws {
        for name in ["timm", "open_clip", "official", "tower", "transformers", "original"] {
            let (source, open) = try layout(name)
            for group in Set(source.tensors.map { $0.name.split(separator: ".").last.map(String.init) ?? "" }) {
                #expect(throws: CheckpointError.self) {
                    let tensors = try source.tensors.map { other in
                        other.name.hasSuffix(group) ? try Self.tensor(other.name, shape) : other
                    }
                    try open(Checkpoint(path: "memory", tensors: tensors))
                }
            }
        }
    }

    /// A tensor without elements, as a file says of it.
    private static func tensor(_ name: String, _ shape: [Int]) throws -> CheckpointTensor {
        try bytes(#"{"x":{"dtype":"F32","shape":\#(shape),"data_offsets":[0,0]}}"#).tensors[0].renamed(name)
    }

    private static func bytes(_ header: String, data: Int = 0) throws -> Checkpoint {
        var bytes = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
        bytes += [UInt8](repeating: 0, count: data)
        // For the life of the process, as the initializer asks.
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 16)
        memory.copyBytes(from: bytes)
        return try Checkpoint(
            resource: MappedFile(resource: "memory.safetensors", bytes: UnsafeRawBufferPointer(memory)))
    }

    @Test(arguments: [
        #"{"a":{"dtype":"F32","shape":[0,1099511627776,1099511627776],"data_offsets":[0,0]}}"#,
        #"{"a":{"dtype":"F8_E4M3","shape":[9223372036854775807,9223372036854775807],"data_offsets":[0,0]}}"#,
        #"{"a":{"dtype":"U8","shape":[9223372036854775807,2,0],"data_offsets":[0,0]}}"#,
    ])
    func shapesThatOverflowAreNoShapes(header: String) throws {
        let error = #expect(throws: CheckpointError.self) { try Self.bytes(header) }
        #expect(error?.description.contains("tensor 'a' has no valid shape") == true)
    }

    /// Quantised rows of matrices of every size, of which no bytes are there.
    @Test(arguments: [
        [0, 1], [0, 1 << 32], [1 << 62, 1], [Int.max, 1 << 32], [1 << 40, 1 << 20], [1, Int.max], [-1, 32], [1, 0],
        [0, 0],
    ])
    func quantisedRowsOfNoSizeAreRefusedOrEmpty(shape: [Int]) throws {
        for format in QuantizedFormat.allCases {
            let table =
                #"{\"scheme\":\"percept-rows\",\"version\":1,\"tensors\":{\"a\":{\"format\":\"\#(format)\",\"shape\":\#(shape)}}}"#
            let header =
                #"{"__metadata__":{"percept.quantization":"\#(table)"},"a":{"dtype":"U8","shape":[0,0],"data_offsets":[0,0]}}"#
            do {
                let tensor = try #require(try Self.bytes(header)["a"])
                #expect(tensor.count == 0)
            } catch let error as CheckpointError {
                #expect(error.file == "memory.safetensors")
            }
        }
    }

    @Test func anEmptyBiasIsNotTakenForZeros() throws {
        let (source, open) = try layout("timm")
        let tensors = try source.tensors.map { $0.name == "head.bias" ? try Self.tensor("head.bias", [0]) : $0 }
        let error = #expect(throws: CheckpointError.self) { try open(Checkpoint(path: "memory", tensors: tensors)) }
        #expect(error == .shape(file: "memory.safetensors", name: "head.bias", expected: [8], found: [0]))
    }

    /// Strides and offsets of PyTorch's views that no storage has.
    @Test func stridesOfOtherFilesAreBounded() throws {
        for (side, stride, offset) in [
            (2, Int.max, 0), (1 << 40, 1 << 40, 0), (2, 1, Int.max), (0, Int.max, 0), (1, Int.max, 0), (Int.max, 0, 0),
            (2, -1, 1), (-2, 1, 0),
        ] {
            let path = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID().uuidString).pt").path
            defer { try? FileManager.default.removeItem(atPath: path) }
            try Data(TorchStream.bytes(sides: [side, 2], strides: [stride, 1], offset: offset)).write(
                to: URL(filePath: path))
            do {
                let tensor = try Checkpoint(contentsOf: path).tensors[0]
                guard tensor.count <= 64 else { continue }
                _ = try tensor.values()
                _ = try tensor.transposed().values()
                for size in [2, 4, 1 << 20] { _ = try? tensor.interleavingHalves(of: size).values() }
                _ = try? tensor.stacked(on: tensor, name: "both").values()
            } catch {
                #expect(error.file == path)
            }
        }
    }
}

/// A file of PyTorch's format before archives, with one tensor of 8 elements of f32.
private enum TorchStream {
    static func bytes(sides: [Int], strides: [Int], offset: Int) -> [UInt8] {
        func long(_ value: Int) -> [UInt8] { [0x8A, 8] + little(value, 8) }
        func little(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
        }
        func text(_ text: String) -> [UInt8] { [UInt8(ascii: "X")] + little(text.utf8.count, 4) + Array(text.utf8) }
        func global(_ module: String, _ name: String) -> [UInt8] { Array("c\(module)\n\(name)\n".utf8) }
        let protocol2: [UInt8] = [0x80, 2]
        let magic =
            protocol2 + [0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19] + Array(".".utf8)
        let version = protocol2 + [UInt8(ascii: "M")] + little(1001, 2) + Array(".".utf8)
        let system = protocol2 + Array("}.".utf8)
        let storage =
            Array("(".utf8) + text("storage") + global("torch", "FloatStorage") + text("0") + text("cpu") + long(8)
            + Array("NtQ".utf8)
        var root = protocol2 + Array("}".utf8) + text("a") + global("torch._utils", "_rebuild_tensor_v2")
        root += Array("(".utf8) + storage + long(offset)
        root += Array("(".utf8) + sides.flatMap(long) + Array("t(".utf8) + strides.flatMap(long) + Array("t".utf8)
        root += [0x89] + Array("}tRs.".utf8)
        let keys = protocol2 + Array("]".utf8) + text("0") + Array("a.".utf8)
        return magic + version + system + root + keys + little(8, 8) + [UInt8](repeating: 0, count: 32)
    }
}
