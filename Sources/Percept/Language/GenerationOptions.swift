import PerceptEngine

/// How an answer is made.
public struct GenerationOptions: Sendable, Hashable {
    /// Most tokens of the answer.
    public var maxTokens: Int
    /// 0 takes the most probable token each time, and is reproducible; 1 draws by the model's own probabilities.
    public var temperature: Float
    /// Keeps the most probable tokens that make up this share; 1 keeps all.
    public var topP: Float
    /// Keeps so many of the most probable tokens; 0 keeps all. Of no effect beside a `topP` below 1, as in the reference.
    public var topK: Int
    /// Decides what is drawn at a temperature above 0.
    public var seed: UInt64
    /// Texts that end the answer where they first appear; they are not part of it.
    public var stops: [String]
    /// How many of the most probable tokens are told beside each token that was taken, with their log probabilities; 0 tells
    /// that of the token alone, nil tells none, which is faster.
    public var logProbabilities: Int?
    /// Most tiles of an image besides its thumbnail; 1 gives one plain view, nil leaves it to the checkpoint, and one plain
    /// view to each of several images.
    public var maxTiles: Int?
    /// Most frames of a video; nil leaves it to the checkpoint.
    public var maxFrames: Int?

    /// Greedy, at most 256 tokens, tiles and frames as the checkpoint says, unless given.
    public init(
        maxTokens: Int = 256, temperature: Float = 0, topP: Float = 1, topK: Int = 0, seed: UInt64 = 0,
        stops: [String] = [], logProbabilities: Int? = nil, maxTiles: Int? = nil, maxFrames: Int? = nil
    ) {
        self.maxTokens = maxTokens
        self.temperature = temperature
        self.topP = topP
        self.topK = topK
        self.seed = seed
        self.stops = stops
        self.logProbabilities = logProbabilities
        self.maxTiles = maxTiles
        self.maxFrames = maxFrames
    }

    /// Most tokens that ``logProbabilities`` tells of.
    public static let mostLogProbabilities = 20

    var settings: SamplingSettings {
        SamplingSettings(temperature: temperature, topP: topP, topK: topK, seed: seed)
    }

    var mediaLimits: MediaLimits { MediaLimits(tiles: maxTiles, frames: maxFrames) }

    func check() throws {
        guard maxTokens > 0 else { throw PerceptError(.usage, "an answer of \(maxTokens) tokens cannot be made") }
        guard temperature >= 0, temperature.isFinite else {
            throw PerceptError(.usage, "a temperature of \(temperature) makes no sense; it is 0 or more")
        }
        guard topP > 0, topP <= 1 else { throw PerceptError(.usage, "top-p of \(topP) is not above 0 and at most 1") }
        guard topK >= 0, topK < 1 << 31 else { throw PerceptError(.usage, "top-k of \(topK) makes no sense") }
        guard !stops.contains("") else { throw PerceptError(.usage, "an empty text ends every answer at once") }
        if let logProbabilities, !(0...Self.mostLogProbabilities).contains(logProbabilities) {
            throw PerceptError(
                .usage,
                "log probabilities of \(logProbabilities) tokens cannot be told, but of 0 to \(Self.mostLogProbabilities)"
            )
        }
        if let maxTiles, maxTiles < 1 { throw PerceptError(.usage, "\(maxTiles) tiles cannot be made of an image") }
        if let maxFrames, maxFrames < 1 { throw PerceptError(.usage, "\(maxFrames) frames of a video cannot be taken") }
    }
}
