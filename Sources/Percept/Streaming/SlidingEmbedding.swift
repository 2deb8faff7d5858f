import PerceptEngine

/// The embedding of the last frames of a stream, as the reference embeds a video: the mean of the frames' unit vectors
/// (perception_models: apps/pe), made unit length.
public struct SlidingEmbedding: Sendable {
    /// Most frames it is of.
    public let length: Int
    /// [length, width]; copies, so that who made a frame's embedding can write it anew.
    private var frames: [Float] = []
    private var count = 0
    private var next = 0
    private var sum: [Double] = []
    private var results = ReusedRows(count: 1, width: 0)

    /// - Parameter length: at least 1.
    public init(length: Int) { self.length = max(length, 1) }

    /// Takes a frame's embedding in, and the oldest out.
    ///
    /// - Parameter embedding: of the same width as all before it.
    /// - Returns: the embedding of the frames that are now in; of fewer than `length` at the start.
    public mutating func append(_ embedding: Embedding) -> Embedding {
        if length == 1 { return embedding }
        let width = embedding.values.count
        if count == 0 {
            frames = [Float](repeating: 0, count: length * width)
            sum = [Double](repeating: 0, count: width)
            results = ReusedRows(count: FramePipeline.heldResults, width: width)
        }
        precondition(width == sum.count, "embeddings of \(sum.count) and of \(width) values")
        for (column, value) in embedding.values.enumerated() { frames[next * width + column] = value }
        next = (next + 1) % length
        count = min(count + 1, length)
        // Summed anew: a running sum would drift in a stream without an end.
        for column in 0..<width { sum[column] = 0 }
        for row in 0..<count {
            for column in 0..<width { sum[column] += Double(frames[row * width + column]) }
        }
        return Embedding(results.write { Embedding.writeUnit(sum, to: &$0) }, model: embedding.model)
    }
}
