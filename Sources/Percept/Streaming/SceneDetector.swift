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
    private var earlier: [(scene: Int, embedding: Embedding)] = []

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
        let distance = distanceFromMean(embedding)
        let score = (Double(distance) - averageDistance) / deviation
        let isLearning = scene == 0 && frames < Self.learningFrames
        if !isLearning, !isSettling, score > entry, distance > floor {
            remember(Embedding.mean([Embedding(mean)]))
            scene += 1
            let bound = max(floor, Float(averageDistance + entry * deviation))
            let like = earlier.min { embedding.distance(to: $0.embedding) < embedding.distance(to: $1.embedding) }
            let resembles = like.flatMap { embedding.distance(to: $0.embedding) <= bound ? $0.scene : nil }
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

    /// 1 minus the cosine with the scene, whose mean is shorter than its frames.
    private func distanceFromMean(_ embedding: Embedding) -> Float {
        var (product, square) = (0.0, 0.0)
        for (a, b) in zip(mean, embedding.values) {
            product += Double(a) * Double(b)
            square += Double(a) * Double(a)
        }
        return Float(1 - product / max(square.squareRoot(), 1e-12))
    }

    private mutating func begin(with embedding: Embedding) {
        mean = embedding.values
        frames = 1
    }

    private mutating func measure(_ distance: Double) {
        measured += 1
        let weight = max(1 / Double(measured), 1 / 32)
        let difference = distance - averageDistance
        averageDistance += weight * difference
        variance = (1 - weight) * (variance + weight * difference * difference)
    }

    private mutating func remember(_ embedding: Embedding) {
        earlier.append((scene, embedding))
        if earlier.count > Self.rememberedScenes { earlier.removeFirst() }
    }
}

extension Embedding {
    /// 1 minus the cosine.
    fileprivate func distance(to other: Embedding) -> Float { 1 - Embedding.cosine(self, other) }
}
