import PerceptEngine
import PerceptRuntime

/// How a source is watched.
public struct StreamOptions: Sendable {
    /// Whether every frame is encoded, and the source waits for the encoder; else a newer frame takes the place of one
    /// that waits. For files: a camera that waits loses frames by itself.
    public var everyFrame = false
    /// What frames are compared with: embeddings of this model, as by ``PerceptionEncoder/embed(labels:templates:)``.
    public var labels: [Embedding] = []
    /// Frames that a label is decided by.
    ///
    /// Embeddings are averaged, not probabilities: the mean of a window's unit vectors, made unit length, is what the
    /// reference takes for a video (perception_models: apps/pe), so that labels are those of the last frames as a clip, and
    /// a frame that resembles nothing moves them little instead of flattening them.
    public var window = 1
    /// After so many encoded frames the stream ends; nil for no end but the source's.
    public var maxFrames: Int?
    /// Whether results hold the tokens of the last block.
    public var keepsFeatures = false
    /// Descriptions by a language model from time to time.
    public var captions: CaptionSchedule?
    /// Opens the device anew when it is lost, and the model on it; nil ends the stream with the loss.
    ///
    /// The source runs on meanwhile: its frames are dropped, or with ``everyFrame`` wait. While this throws it is called
    /// again, five times within some fifteen seconds, and no more than three losses within a minute are made good: then
    /// the stream ends with the error. What the lost device held is given back before.
    public var reopen: (@Sendable () async throws -> StreamSuccessor)?

    /// The newest frame wins; no labels.
    public init() {}

    /// What of it concerns the device.
    var pipeline: FramePipeline.Options {
        FramePipeline.Options(everyFrame: everyFrame, maxFrames: maxFrames, keepsFeatures: keepsFeatures)
    }

    func check(_ encoder: PerceptionEncoder) throws(PerceptError) {
        if let maxFrames, maxFrames < 1 { throw PerceptError(.usage, "\(maxFrames) frames cannot be encoded") }
        guard window >= 1 else { throw PerceptError(.usage, "a window of \(window) frames makes no sense") }
        if let other = labels.first(where: { $0.values.count != encoder.embeddingWidth }) {
            throw PerceptError(
                .usage,
                "\(encoder.modelName) has embeddings of \(encoder.embeddingWidth) values; a label has "
                    + "\(other.values.count)")
        }
        try captions?.check()
    }
}

/// When a language model describes what is seen.
public struct CaptionSchedule: Sendable {
    /// Asked about the newest frame. On the encoder's device its work goes out in short pieces, between which frames have
    /// their turn.
    public var model: PerceptionLanguageModel
    /// From the start of one description to that of the next; at once if one took longer.
    public var interval: Duration
    /// What the model is asked.
    public var question: String
    /// Most tokens of a description.
    public var maxTokens = 64

    /// A description every `interval`.
    public init(
        _ model: PerceptionLanguageModel, every interval: Duration, question: String = "Describe the image."
    ) {
        self.model = model
        self.interval = interval
        self.question = question
    }

    func check() throws(PerceptError) {
        guard interval >= .zero, maxTokens > 0 else {
            throw PerceptError(.usage, "captions every \(interval) of \(maxTokens) tokens make no sense")
        }
    }

    /// Loads and records everything by describing a black picture.
    func prepare(_ width: Int, _ height: Int) async throws {
        let black = try Image.black(width: max(width, 16), height: max(height, 16))
        _ = try await model.describe(black, question: question, maxTokens: 2)
    }

    /// Describes a frame.
    func describe(_ seen: FrameDescriber.Seen) async throws -> StreamCaption {
        let (text, use) = try await model.describe(Image(seen.frame), question: question, maxTokens: maxTokens)
        return StreamCaption(
            text: text, number: seen.number, time: seen.time, latency: .now - seen.arrival,
            pieces: (use.pieces, use.longestPiece))
    }
}

extension Image {
    /// Black pixels.
    static func black(width: Int, height: Int) throws(PerceptError) -> Image {
        try Image(rgb: [UInt8](repeating: 0, count: 3 * width * height), width: width, height: height)
    }
}
