import Foundation
import Percept
import TestSupport
import Testing

/// Parts of a stream that need no device.
@Suite struct StreamPartsTests {
    @Test func percentilesAreWithinOnePercent() {
        var histogram = LatencyHistogram()
        #expect(histogram.percentile(0.5) == .zero)
        let values = (1...5000).map { Duration.microseconds(37 * $0) }
        for value in values.shuffled() { histogram.add(value) }
        for share in [0.01, 0.5, 0.95, 0.99, 1] {
            let exact = values[Int((share * 5000).rounded(.up)) - 1]
            #expect(abs(histogram.percentile(share) / exact - 1) < 0.01, "\(share)")
        }
        #expect(histogram.longest == values[4999] && histogram.count == 5000)
        // What lies beyond the ends is counted there.
        histogram.add(.seconds(100_000))
        histogram.add(.nanoseconds(1))
        #expect(histogram.count == 5002)
    }

    @Test func windowForgets() {
        var window = SlidingEmbedding(length: 2)
        let axes = [Embedding([1, 0, 0]), Embedding([0, 1, 0]), Embedding([0, 0, 1])]
        #expect(window.append(axes[0]) == axes[0])
        let half = Float(0.5).squareRoot()
        #expect(
            window.append(axes[1]).values.map { ($0 * 1e6).rounded() } == [half, half, 0].map { ($0 * 1e6).rounded() })
        _ = window.append(axes[2])
        #expect(window.append(axes[2]) == axes[2])
        var single = SlidingEmbedding(length: 1)
        // As it is, bit for bit: labels are those of classification.
        let odd = Embedding([0.6, 0.8000001, 0])
        #expect(single.append(odd) == odd)
    }

    @Test func galleryRanksByCosine() {
        let gallery = Gallery([
            ("far", Embedding([-1, 0])), ("near", Embedding([0.8, 0.6])), ("same", Embedding([1, 0])),
            ("twin", Embedding([1, 0])),
        ])
        let found = gallery.nearest(Embedding([1, 0]), count: 3)
        #expect(found.map(\.name) == ["same", "twin", "near"])
        #expect(found[2].cosine == 0.8)
        #expect(gallery.nearest(Embedding([1, 0]), count: 9).count == 4)
        #expect(Gallery([]).nearest(Embedding([1, 0]), count: 1).isEmpty)
    }

    // MARK: Scenes

    /// A unit vector near an axis: scenes are axes.
    private func embedding(_ axis: Int, noise: Double, _ random: inout SplitMix64) -> Embedding {
        var values = (0..<64).map { _ in Double.random(in: -1...1, using: &random) * noise }
        values[axis] += 1
        let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return Embedding(values.map { Float($0 / length) })
    }

    /// Cuts found in a sequence of scenes of so many frames each.
    private func cuts(_ scenes: [Int], frames: Int, noise: Double) -> [(frame: Int, change: SceneDetector.Change)] {
        var random = SplitMix64(state: 7)
        var detector = SceneDetector()
        var found: [(Int, SceneDetector.Change)] = []
        for frame in 0..<scenes.count * frames {
            if let change = detector.append(embedding(scenes[frame / frames], noise: noise, &random)) {
                found.append((frame, change))
            }
        }
        return found
    }

    @Test(arguments: [0.0, 0.01, 0.05, 0.1])
    func everyCutIsFoundWhereItIs(noise: Double) {
        let found = cuts([0, 1, 2, 0, 3], frames: 40, noise: noise)
        #expect(found.map(\.frame) == [40, 80, 120, 160])
        #expect(found.map(\.change.scene) == [1, 2, 3, 4])
        // The fourth scene is the first again.
        #expect(found.map(\.change.resembles) == [nil, nil, 0, nil])
    }

    @Test(arguments: [0.0, 0.02, 0.1])
    func aSceneByItselfHasNoCut(noise: Double) {
        #expect(cuts([0], frames: 2000, noise: noise).isEmpty)
    }

    /// From one scene to the other over twelve frames, and a flash of a single frame.
    @Test func aFadeIsOneChange() {
        var random = SplitMix64(state: 9)
        var detector = SceneDetector()
        var found: [Int] = []
        for frame in 0..<120 {
            let share = min(max(Float(frame - 40) / 12, 0), 1)
            let (a, b) = (embedding(0, noise: 0.01, &random), embedding(1, noise: 0.01, &random))
            let mixed = zip(a.values, b.values).map { (1 - share) * $0 + share * $1 }
            let length = mixed.reduce(0) { $0 + $1 * $1 }.squareRoot()
            if detector.append(Embedding(mixed.map { $0 / length })) != nil { found.append(frame) }
        }
        #expect(found.count == 1 && (40...53).contains(found.first ?? 0), "\(found)")
    }

    /// A slow turn, a degree a frame, is one scene that the mean follows.
    @Test func aSlowChangeIsNone() {
        var detector = SceneDetector()
        var found = 0
        for frame in 0..<360 {
            let angle = Float(frame) * .pi / 720
            if detector.append(Embedding([cos(angle), sin(angle)])) != nil { found += 1 }
        }
        #expect(found == 0)
    }
}
