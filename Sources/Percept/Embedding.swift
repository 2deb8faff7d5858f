/// A vector of unit length in the space that images, videos and texts share.
public struct Embedding: Sendable, Hashable {
    /// [embedding width of the model]
    public let values: [Float]

    /// Takes values as they are: they should have unit length.
    public init(_ values: [Float]) { self.values = values }

    /// Cosine of the angle between two embeddings of the same model, -1 to 1: their inner product, since both have unit
    /// length.
    ///
    /// Embeddings of different widths are of different models, and comparing them ends the program, as an index outside an
    /// array does. Where they may come from elsewhere, compare their counts first.
    public static func cosine(_ a: Embedding, _ b: Embedding) -> Float {
        precondition(
            a.values.count == b.values.count,
            "embeddings of \(a.values.count) and of \(b.values.count) values are of different models")
        return zip(a.values, b.values).reduce(0) { $0 + $1.0 * $1.1 }
    }

    /// The mean of embeddings, made unit length.
    static func mean(_ embeddings: [Embedding]) -> Embedding {
        guard let first = embeddings.first else { return Embedding([]) }
        var sum = [Double](repeating: 0, count: first.values.count)
        for embedding in embeddings {
            for (index, value) in embedding.values.enumerated() { sum[index] += Double(value) }
        }
        var values = [Float](repeating: 0, count: sum.count)
        writeUnit(sum, to: &values)
        return Embedding(values)
    }

    /// Writes a vector made unit length over `values`, which are as many.
    static func writeUnit(_ sum: [Double], to values: inout [Float]) {
        let length = max(sum.reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-12)
        for (index, value) in sum.enumerated() { values[index] = Float(value / length) }
    }
}

/// Tokens of one image on the patch grid: one vector for each square patch of pixels, and perhaps one for the whole image.
public struct DenseFeatures: Sendable {
    /// Patches from top to bottom.
    public let gridHeight: Int
    /// Patches from left to right.
    public let gridWidth: Int
    /// Numbers in a token.
    public let width: Int
    /// [gridHeight, gridWidth, width], row by row.
    public let tokens: [Float]
    /// [width], for models that have a class token.
    public let classToken: [Float]?
}
