import Foundation
import Percept
import PerceptModels
import Testing

/// What different ways to the same answer have to agree in.
@Suite struct AgreementTests {
    private static let sizes = [(40, 30), (33, 57), (128, 96), (5, 5), (1, 200), (64, 64), (97, 31), (200, 3)]

    private func images() throws -> [Image] {
        try Self.sizes.enumerated().map { try .waves($1.0, $1.1, seed: $0) }
    }

    private func encoder(
        _ precision: Precision = .f16, inputSize: (height: Int, width: Int)? = nil
    ) async throws -> PerceptionEncoder {
        try await PerceptionEncoder(
            .path(TestModel.clip.path), on: TestModel.gpu(), precision: precision, inputSize: inputSize)
    }

    @Test(arguments: Precision.allCases)
    func sameInputGivesSameBytes(precision: Precision) async throws {
        let images = try images()
        let encoder = try await encoder(precision)
        let first = try await encoder.embed(images, batch: 4)
        #expect(try await encoder.embed(images, batch: 4) == first)
        let again = try await self.encoder(precision)
        #expect(try await again.embed(images, batch: 4) == first)
        let features = try await encoder.features(images[0])
        #expect(try await encoder.features(images[0]).tokens == features.tokens)
        let texts = try await encoder.embed(texts: ["a red circle", "two"])
        #expect(try await encoder.embed(texts: ["a red circle", "two"]) == texts)
    }

    @Test(arguments: [1, 2, 3, 8, 1000, 0, -3])
    func batchesEqualSingles(batch: Int) async throws {
        let encoder = try await encoder()
        let images = try images()
        let together = try await encoder.embed(images, batch: batch)
        #expect(together.count == images.count)
        for (index, image) in images.enumerated() {
            let alone = try await encoder.embed([image], batch: 1)[0]
            #expect(relativeDifference(together[index].values, alone.values) <= 3e-3)
            #expect(Embedding.cosine(together[index], alone) >= 0.99999)
        }
        #expect(try await encoder.embed([Image]()).isEmpty)
    }

    @Test func textBatchesOfMixedLengthsEqualSingles() async throws {
        let encoder = try await encoder()
        let long = String(repeating: "many words ", count: 60)
        let texts = ["", "a", "two blue squares left of a star", long, "😀 日本語", "b", long + "c"]
        let together = try await encoder.embed(texts: texts)
        for (text, embedding) in zip(texts, together) {
            let alone = try await encoder.embed(texts: [text])[0]
            #expect(relativeDifference(embedding.values, alone.values) <= 3e-3, "\(text)")
        }
        #expect(try await encoder.embed(texts: []).isEmpty)
    }

    @Test(arguments: [1, 2, 7, 8, 9, 40])
    func deviceAndHostProbabilitiesAgree(count: Int) async throws {
        let encoder = try await encoder(.f32)
        let images = try images()
        let labels = try await encoder.embed(texts: (0..<count).map { "label \($0)" })
        let device = try await encoder.classify(images, labels: labels)
        let host = encoder.probabilities(try await encoder.embed(images), labels)
        for (a, b) in zip(device, host) {
            #expect(a.count == count && abs(a.reduce(0, +) - 1) < 1e-5)
            #expect(zip(a, b).allSatisfy { abs($0 - $1) < 1e-5 })
        }
        #expect(try await encoder.classify(images, labels: []) == images.map { _ in [] })
    }

    @Test func templatesAreAveraged() async throws {
        let encoder = try await encoder()
        let labels = try await encoder.embed(labels: ["cat", "dog"], templates: ["a {}", "the {} and {}"])
        let cats = try await encoder.embed(texts: ["a cat", "the cat and cat"])
        let sum = zip(cats[0].values, cats[1].values).map { $0 + $1 }
        let length = sum.reduce(0) { $0 + $1 * $1 }.squareRoot()
        #expect(relativeDifference(labels[0].values, sum.map { $0 / length }) < 1e-5 && labels.count == 2)
    }

    @Test func aClipIsTheMeanOfItsFrames() async throws {
        let encoder = try await encoder()
        let clip = try VideoClip(contentsOf: TestModel.media.appending(path: "shapes.mp4"))
        let frames = try await encoder.embed(try clip.frames(5))
        let mean = (0..<encoder.embeddingWidth).map { column in frames.reduce(0) { $0 + $1.values[column] } / 5 }
        let length = mean.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let embedding = try await encoder.embed(clip, frames: 5)
        #expect(relativeDifference(embedding.values, mean.map { $0 / length }) < 1e-5)
        #expect(abs(Embedding.cosine(embedding, embedding) - 1) < 1e-5)
    }

    @Test func layersCountFromBothEnds() async throws {
        let encoder = try await encoder()
        let image = try Image.waves(50, 40)
        let last = try await encoder.features(image)
        #expect(try await encoder.features(image, layer: 1).tokens == last.tokens)
        let first = try await encoder.features(image, layer: 0)
        #expect(try await encoder.features(image, layer: -2).tokens == first.tokens)
        #expect(first.tokens != last.tokens)
        #expect((last.gridHeight, last.gridWidth, last.width) == (4, 4, 32))
        #expect(last.tokens.count == 16 * 32 && last.classToken?.count == 32)
        let normed = try await encoder.features(image, norm: true)
        // Behind a norm whose weight is near 1 and bias near 0, each token has about unit variance.
        for token in 0..<16 {
            let values = normed.tokens[token * 32..<(token + 1) * 32]
            let variance = values.reduce(0) { $0 + $1 * $1 } / 32
            #expect((0.5...2).contains(variance))
        }
    }

    @Test(arguments: [(8, 8), (16, 48), (48, 16), (40, 40), (8, 120)])
    func otherInputSizes(height: Int, width: Int) async throws {
        let encoder = try await encoder(inputSize: (height, width))
        let image = try Image.waves(70, 90)
        let features = try await encoder.features(image)
        #expect((features.gridHeight, features.gridWidth) == (height / 8, width / 8))
        #expect(features.tokens.count == height * width / 64 * 32)
        let exact = try await self.encoder(.f32, inputSize: (height, width))
        let embedding = try await encoder.embed([image])[0]
        #expect(relativeDifference(embedding.values, try await exact.embed([image])[0].values) <= 3e-3)
    }
}
