import Percept
import PerceptMedia

/// The embedded model looks at a picture with a known answer, in all storage types that kernels come in.
struct SelfTest {
    let device: String
    let passed: Bool
    /// Figures of the outcome.
    let outcome: String
    /// Kernels that were selected for this device.
    let kernels: [String]

    /// Cosine of f16 and bf16 with f32 embeddings that a device which computes rightly stays above.
    private static let agreement: Float = 0.999

    init(on gpu: GPU) async throws {
        device = gpu.description.name
        let picture = try Self.redSquare()
        var embeddings: [Embedding] = []
        var kernels: Set<String> = []
        for precision in [Precision.f32, .f16, .bf16] {
            let encoder = try await PerceptionEncoder(.demo, on: gpu, precision: precision)
            embeddings += try await encoder.embed([picture])
            kernels.formUnion(try await encoder.kernels())
        }
        let worst = embeddings.map { Embedding.cosine($0, embeddings[0]) }.min() ?? 0
        let finite = embeddings.allSatisfy { $0.values.allSatisfy(\.isFinite) }
        passed = finite && worst > Self.agreement
        outcome = "16-bit storage agrees with f32 to a cosine of \(Format.fixed(Double(worst), 5))"
        self.kernels = kernels.sorted()
    }

    private static func redSquare() throws -> Image {
        let side = 96
        var pixels: [UInt8] = []
        for y in 0..<side {
            for x in 0..<side {
                let isInside = (24..<72).contains(x) && (24..<72).contains(y)
                pixels += isInside ? [220, 30, 30] : [200, 200, 200]
            }
        }
        return try Image(data: PNGWriter.encode(pixels, width: side, height: side), name: "self-test")
    }
}
