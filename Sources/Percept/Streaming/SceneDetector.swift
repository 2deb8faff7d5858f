/// Tells when what is seen changes, by how unlike the scene so far a frame is.
///
/// The scene is the exponentially weighted mean of its frames' unit vectors. A frame's distance is 1 minus its cosine with
/// that mean; mean and deviation of these distances say how much frames of one scene differ. A frame begins a new scene
/// when its distance is more than ``entry`` deviations above the mean and more than ``floor``. From then on the detector
/// settles: it follows the new frames quickly, and no other scene begins until distances have stayed less than ``exit``
/// deviations above the mean for ``calmFrames``, so that a fade or a flicker is one change.
public struct SceneDetector: Sendable {
    /// A new scene.
    public struct Change: Sendable, Hashable {
        /// The scene's number; the first, which is no change, has 0.
        public let scene: Int
        /// From the scene before: 1 minus the cosine, 0 to 2.
        public let distance: Float
        /// The distance above its mean, in deviations.
        public let score: Double
        /// The earlier scene that it is no less like than frames of one scene are; nil for what has not been seen yet.
        public let resembles: Int?
    }

    /// Deviations at which a scene begins.
    public var entry = 6.0
    /// Deviations below which one has settled.
    public var exit = 3.0
    /// Distances up to this are no change, however calm the scene is.
    public var floor: Float = 0.02
    /// Frames in a row below `exit` after which the next scene may begin.
    public var calmFrames = 3

    /// Scenes that are remembered, so that a stream without an end is compared with the last of them only.
    public static let rememberedScenes = 64

    /// Frames that the first scene is learned from.
    private static let learningFrames = 8
    /// A scene that is too restless to settle by the old measure is measured anew after so many.
    private static let longestSettling = 32

    private var mean: [Float] = []
    private var frames = 0
    private var averageDistance = 0.0
    private var variance = 0.0
    private var measured = 0
    private var isSettling = false
    private var calm = 0
    private var scene = 0
    private var earlier = EarlierScenes()

    public init() {}

    /// Takes in the next frame.
    ///
    /// - Parameter embedding: of the frame itself, unit length.
    /// - Returns: the scene that begins with it, if one does.
    public mutating func append(_ embedding: Embedding) -> Change? {
        guard frames > 0 else {
            begin(with: embedding)
            return nil
        }
        let distance = embedding.distance(fromMean: mean[...])
        let score = (Double(distance) - averageDistance) / deviation
        let isLearning = scene == 0 && frames < Self.learningFrames
        if !isLearning, !isSettling, score > entry, distance > floor {
            earlier.append(scene, mean: mean)
            scene += 1
            let bound = max(floor, Float(averageDistance + entry * deviation))
            let resembles = earlier.nearest(to: embedding).flatMap { $0.distance <= bound ? $0.scene : nil }
            begin(with: embedding)
            isSettling = true
            calm = 0
            return Change(scene: scene, distance: distance, score: score, resembles: resembles)
        }
        if isSettling {
            calm = score < exit || distance <= floor ? calm + 1 : 0
            if calm >= calmFrames {
                isSettling = false
            } else if frames >= Self.longestSettling {
                isSettling = false
                measured = 0
            }
        } else {
            measure(Double(distance))
        }
        frames += 1
        // As the plain mean at first, then as one over the last sixteen; quickly while it settles.
        let weight = isSettling ? 0.25 : max(1 / Float(frames), 1 / 16)
        for index in mean.indices { mean[index] += weight * (embedding.values[index] - mean[index]) }
        return nil
    }

    /// A calm scene must not make every trifle an event.
    private var deviation: Double { max(variance.squareRoot(), Double(floor) / 4) }

    private mutating func begin(with embedding: Embedding) {
        // Not the embedding's own array: whoever reuses that would have to copy it.
        mean.replaceSubrange(mean.indices, with: embedding.values)
        frames = 1
    }

    private mutating func measure(_ distance: Double) {
        measured += 1
        let weight = max(1 / Double(measured), 1 / 32)
        let difference = distance - averageDistance
        averageDistance += weight * difference
        variance = (1 - weight) * (variance + weight * difference * difference)
    }
}

/// The last scenes, in memory that is taken once.
private struct EarlierScenes {
    private var scenes: [Int] = []
    /// Mean after mean, the oldest replaced by the newest.
    private var means: [Float] = []

    mutating func append(_ scene: Int, mean: [Float]) {
        if scenes.isEmpty {
            scenes.reserveCapacity(SceneDetector.rememberedScenes)
            means.reserveCapacity(SceneDetector.rememberedScenes * mean.count)
        }
        if scenes.count < SceneDetector.rememberedScenes {
            scenes.append(scene)
            means.append(contentsOf: mean)
        } else {
            // Scenes have consecutive numbers.
            let place = scene % SceneDetector.rememberedScenes
            scenes[place] = scene
            for (index, value) in mean.enumerated() { means[place * mean.count + index] = value }
        }
    }

    func nearest(to embedding: Embedding) -> (scene: Int, distance: Float)? {
        var nearest: (scene: Int, distance: Float)?
        for (place, scene) in scenes.enumerated() {
            let distance = embedding.distance(
                fromMean: means.dropFirst(place * embedding.values.count).prefix(embedding.values.count))
            if distance < nearest?.distance ?? .infinity { nearest = (scene, distance) }
        }
        return nearest
    }
}

extension Embedding {
    /// 1 minus the cosine with a mean, which is shorter than what it is of.
    fileprivate func distance(fromMean mean: ArraySlice<Float>) -> Float {
        var (product, square) = (0.0, 0.0)
        for (a, b) in zip(mean, values) {
            product += Double(a) * Double(b)
            square += Double(a) * Double(a)
        }
        return Float(1 - product / max(square.squareRoot(), 1e-12))
    }
}
