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
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let file = try decoder.decode(File.self, from: data)
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
        let patchSize, width, layers, heads, mlpHidden, imageSize: Int
        let outputDim: Int?
        let lsInitValue: Double?
        let useClsToken, useLnPost: Bool
        let poolType: String
        let attnPoolerHeads: Int

        var config: VisionConfig {
            let pool: VisionConfig.Pool =
                switch poolType {
                case "attn": .attention(heads: attnPoolerHeads)
                case "tok": .classToken
                case "avg": .average
                default: .none
                }
            return VisionConfig(
                imageSize: imageSize, patchSize: patchSize, width: width, layers: layers, heads: heads,
                mlpHidden: mlpHidden, hasClassToken: useClsToken, pool: pool, outputDim: outputDim, hasPreNorm: true,
                hasPostNorm: useLnPost, hasLayerScale: lsInitValue != nil)
        }
    }

    private struct Text: Decodable {
        let contextLength, width, heads, layers, outputDim, vocabSize: Int
        let mlpRatio: Double

        var config: TextConfig {
            TextConfig(
                context: contextLength, width: width, heads: heads, layers: layers,
                mlpHidden: Int(Double(width) * mlpRatio), vocabulary: vocabSize, outputDim: outputDim)
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
