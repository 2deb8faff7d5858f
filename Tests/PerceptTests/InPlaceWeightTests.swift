import Foundation
import Percept
import PerceptCheckpoint
import PerceptEngine
import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptVulkan
import TestSupport
import Testing

/// Weights that kernels read in a mapped file, without a copy.
@Suite("Weights in place")
struct InPlaceWeightTests {
    private static let (rows, columns) = (512, 520)

    /// x · weightᵀ, and what the store holds and imports for it.
    private func product(
        _ path: String, _ storage: StorageType
    ) throws -> (values: [Float], held: Int, imported: Int, mayImport: Bool) {
        try TestGPU.run { gpu in
            var graph = Graph()
            let x = graph.input("x", [3, Self.columns], storage)
            let weight = graph.weight(Weight("weight", [Self.rows, Self.columns]), storage)
            graph.output("y", graph.linear("product", x, weight, to: .f32))
            let store = WeightStore(on: gpu)
            try store.load(graph, from: CheckpointWeights(Checkpoint(contentsOf: path)))
            let program = try Program(Plan(graph, for: gpu.profile, weightTypes: store.types), store, on: gpu)
            let input = program.input("x")
            for (index, value) in numbers(3 * Self.columns, seed: 3).enumerated() {
                input.baseAddress?.storeRounded(value, at: index, as: storage)
            }
            try program.run()
            let physical = gpu.device.physical
            return (
                program.values("y"), store.byteCount, store.importedByteCount,
                physical.isUnifiedMemory && physical.features.contains(.externalMemoryHost)
            )
        }
    }

    @Test("a file in the wanted type is read in place, another or a misaligned one is copied; all compute the same")
    func inPlace() throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let path = directory + "/aligned.safetensors"
        var writer = SafetensorsWriter()
        writer.add("weight", [Self.rows, Self.columns], numbers(Self.rows * Self.columns, seed: 2))
        try writer.write(to: path)
        // The same file with its data eight bytes further on, which no kernel may load from.
        let misaligned = directory + "/misaligned.safetensors"
        var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
        let length = bytes.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        bytes.replaceSubrange(0..<8, with: withUnsafeBytes(of: (length + 8).littleEndian) { [UInt8]($0) })
        bytes.insert(contentsOf: [UInt8](repeating: UInt8(ascii: " "), count: 8), at: 8 + Int(length))
        try Data(bytes).write(to: URL(filePath: misaligned))

        let weightBytes = 4 * Self.rows * Self.columns
        let mapped = try product(path, .f32)
        let copied = try product(misaligned, .f32)
        #expect(mapped.imported >= (mapped.mayImport ? weightBytes : 0))
        #expect(copied.imported == 0 && copied.held >= weightBytes)
        #expect(mapped.values == copied.values)
        #expect(try product(path, .f16).imported == 0)
    }
}
