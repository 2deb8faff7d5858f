import PerceptCheckpoint
import PerceptNumbers
import TestSupport
import Testing

@Suite struct ConversionTests {
    private func convert(_ tensor: CheckpointTensor, _ type: StorageType) throws -> (bits: [UInt16], exceeded: Bool) {
        var bits = [UInt16](repeating: 0, count: tensor.count)
        let exceeded = try bits.withUnsafeMutableBytes { bytes in
            let base = try #require(bytes.baseAddress)
            return try tensor.copyRows(0..<tensor.rows, as: type, to: base, rowStride: tensor.columns)
        }
        return (bits, exceeded)
    }

    private func stored(_ tensor: CheckpointTensor) -> [UInt16] {
        tensor.withContiguousBytes { Array($0.bindMemory(to: UInt16.self)) } ?? []
    }

    @Test func roundingIsThatOfPyTorchAndNumPy() throws {
        let file = try Checkpoint(contentsOf: Fixture.path("rounding.safetensors"))
        let single = try #require(file["f32"])
        #expect(try convert(single, .f16).bits == stored(try #require(file["f16"])))
        #expect(try convert(single, .bf16).bits == stored(try #require(file["bf16"])))
        #expect(try convert(#require(file["f64"]), .f16).bits == stored(try #require(file["f64.f16"])))
        #expect(try #require(file["f64"]).values() == single.values())
        #expect(try convert(single, .f16).exceeded)
        #expect(try !convert(single, .bf16).exceeded)
    }

    /// Every half-precision value survives the way through single precision, and every bfloat16 value too.
    @Test func sixteenBitsSurviveWidening() throws {
        try Fixture.withTemporaryDirectory { directory in
            let all = (0...UInt16.max).flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
            for (type, format) in [(ElementType.f16, StorageType.f16), (.bf16, .bf16)] {
                let path = directory + "/\(type).safetensors"
                var writer = SafetensorsWriter()
                writer.add("all", [256, 256], type, all)
                try writer.write(to: path)
                let wide = try Checkpoint(contentsOf: path).tensors[0].values()
                var narrowWriter = SafetensorsWriter()
                narrowWriter.add("all", [256, 256], wide)
                try narrowWriter.write(to: path)
                let bits = try convert(Checkpoint(contentsOf: path).tensors[0], format).bits
                for (index, value) in bits.enumerated() {
                    let original = UInt16(index)
                    // A signalling NaN may come back quiet.
                    let quiet: UInt16 = type == .f16 ? 0x0200 : 0x0040
                    #expect(value == original || (wide[index].isNaN && value == original | quiet))
                    if type == .f16 {
                        #expect(
                            wide[index].isNaN
                                ? Float16(bitPattern: original).isNaN
                                : wide[index] == Float(Float16(bitPattern: original)))
                    }
                }
            }
        }
    }

    @Test func overflowIsReportedForFiniteValuesOnly() throws {
        try Fixture.withTemporaryDirectory { directory in
            for (value, expected) in [
                (65504, false), (65505, true), (-70000, true), (Float.infinity, false), (.nan, false),
            ] {
                var writer = SafetensorsWriter()
                writer.add("w", [2], [0, value])
                try writer.write(to: directory + "/w.safetensors")
                let tensor = try Checkpoint(contentsOf: directory + "/w.safetensors").tensors[0]
                #expect(try convert(tensor, .f16).exceeded == expected)
            }
        }
    }
}
