/// The embedding of the last frames of a stream, as the reference embeds a video: the mean of the frames' unit vectors
/// (perception_models: apps/pe), made unit length.
public struct SlidingEmbedding: Sendable {
    /// Most frames it is of.
    public let length: Int
    private var frames: [Embedding] = []
    private var next = 0

    /// - Parameter length: at least 1.
    public init(length: Int) {
        self.length = max(length, 1)
        frames.reserveCapacity(self.length)
    }

    /// Takes a frame's embedding in, and the oldest out.
    ///
    /// - Returns: the embedding of the frames that are now in; of fewer than `length` at the start.
    public mutating func append(_ embedding: Embedding) -> Embedding {
        if length == 1 { return embedding }
        if frames.count < length {
            frames.append(embedding)
        } else {
            frames[next] = embedding
            next = (next + 1) % length
        }
        // Summed anew: a running sum would drift in a stream without an end.
        return Embedding.mean(frames)
    }
}
