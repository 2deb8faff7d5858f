import Foundation
import PerceptCheckpoint
import PerceptModels
import Testing

/// One case of `Tests/Fixtures/pe`: a tiny configuration, its inputs, and what PyTorch computed for them.
struct ParityFixture: CustomTestStringConvertible, Sendable {
    let name: String
    let vision: VisionConfig?
    let text: TextConfig?
    let inputs: [Input]

    struct Input: Decodable, Sendable {
        let name: String
        let batch: Int?
        let height: Int?
        let width: Int?
        let ids: [[UInt32]]?
    }

    var testDescription: String { name }

    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/pe")

    init(_ name: String) throws {
        let data = try Data(contentsOf: Self.folder.appending(path: "\(name).json"))
        let file = try JSONDecoder().decode(File.self, from: data)
        self.name = name
        vision = file.vision?.config
        text = file.text?.config
        inputs = file.inputs
    }

    /// Values of a tap; nil where the fixture has none.
    func expected(_ input: Input, _ tap: String, in checkpoint: Checkpoint) throws -> [Float]? {
        guard let tensor = checkpoint["\(input.name)/\(tap)"] else { return nil }
        return try tensor.values()
    }

    func checkpoint() throws -> Checkpoint {
        try Checkpoint(contentsOf: Self.folder.appending(path: "\(name).safetensors").path)
    }

    private struct File: Decodable {
        let vision: Vision?
        let text: Text?
        let inputs: [Input]
    }

    private struct Vision: Decodable {
        let patch_size, width, layers, heads, mlp_hidden, image_size: Int
        let output_dim: Int?
        let ls_init_value: Double?
        let use_cls_token, use_ln_post: Bool
        let pool_type: String
        let attn_pooler_heads: Int

        var config: VisionConfig {
            let pool: VisionConfig.Pool =
                switch pool_type {
                case "attn": .attention(heads: attn_pooler_heads)
                case "tok": .classToken
                case "avg": .average
                default: .none
                }
            return VisionConfig(
                imageSize: image_size, patchSize: patch_size, width: width, layers: layers, heads: heads,
                mlpHidden: mlp_hidden, hasClassToken: use_cls_token, pool: pool, outputDim: output_dim, hasPreNorm: true,
                hasPostNorm: use_ln_post, hasLayerScale: ls_init_value != nil)
        }
    }

    private struct Text: Decodable {
        let context_length, width, heads, layers, output_dim, vocab_size: Int
        let mlp_ratio: Double

        var config: TextConfig {
            TextConfig(
                context: context_length, width: width, heads: heads, layers: layers,
                mlpHidden: Int(Double(width) * mlp_ratio), vocabulary: vocab_size, outputDim: output_dim)
        }
    }
}

/// Relative L2 and largest error of a tensor.
struct TensorError: CustomStringConvertible {
    let relativeL2: Double
    /// Of the expected tensor's largest magnitude.
    let largest: Double
    let cosine: Double

    init(_ found: [Float], _ expected: [Float]) {
        var squares = 0.0, errors = 0.0, worst = 0.0, peak = 0.0, product = 0.0, length = 0.0
        for (a, b) in zip(found, expected) {
            let (a, b) = (Double(a), Double(b))
            squares += b * b
            length += a * a
            product += a * b
            errors += (a - b) * (a - b)
            // NaN must not pass for the smaller of two.
            worst = a.isNaN ? .infinity : max(worst, abs(a - b))
            peak = max(peak, abs(b))
        }
        relativeL2 = found.count == expected.count ? (errors / squares).squareRoot() : .infinity
        largest = worst / peak
        cosine = product / (squares * length).squareRoot()
    }

    var description: String { "relative L2 \(relativeL2), largest \(largest), cosine \(cosine)" }
}
