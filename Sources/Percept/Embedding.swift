/// A vector of unit length in the space that images, videos and texts share.
public struct Embedding: Sendable, Hashable, Codable {
    /// [embedding width of the model]
    public let values: [Float]
    /// The published model whose space it is in; nil where that is not known, as of a file with a name of its own.
    public let model: String?

    /// Takes values as they are: they should have unit length.
    ///
    /// - Parameter model: where they come from, if that is known: embeddings of two models are not compared.
    public init(_ values: [Float], model: String? = nil) {
        self.values = values
        self.model = model
    }

    /// Whether the values are equal; of one of them the model may not be known.
    public static func == (a: Embedding, b: Embedding) -> Bool { a.values == b.values }

    public func hash(into hasher: inout Hasher) { hasher.combine(values) }

    /// Cosine of the angle to another embedding, -1 to 1.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for one of another model, or of another width.
    public func similarity(to other: Embedding) throws(PerceptError) -> Float {
        if let fault = Self.difference(self, other) { throw PerceptError(.usage, fault) }
        return Self.cosine(self, other)
    }

    /// Why two embeddings cannot be compared; nil where they can.
    private static func difference(_ a: Embedding, _ b: Embedding) -> String? {
        if a.values.count != b.values.count {
            return "embeddings of \(a.values.count) and of \(b.values.count) values are of different models"
        }
        if let one = a.model, let other = b.model, one != other {
            return "an embedding of \(one) and one of \(other) lie in different spaces"
        }
        return nil
    }

    /// Cosine of the angle between two embeddings of the same model, -1 to 1: their inner product, since both have unit
    /// length.
    ///
    /// Comparing embeddings of different models, or of different widths, ends the program, as an index outside an array
    /// does. Where they may come from elsewhere, ``similarity(to:)`` throws instead.
    public static func cosine(_ a: Embedding, _ b: Embedding) -> Float {
        if let fault = difference(a, b) { preconditionFailure(fault) }
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
        return Embedding(values, model: first.model)
    }

    /// Writes a vector made unit length over `values`, which are as many.
    static func writeUnit(_ sum: [Double], to values: inout [Float]) {
        let length = max(sum.reduce(0) { $0 + $1 * $1 }.squareRoot(), 1e-12)
        for (index, value) in sum.enumerated() { values[index] = Float(value / length) }
    }
}

extension Embedding: CustomStringConvertible {
    /// The model, and the first of the values.
    public var description: String {
        let shown = values.prefix(4).map { "\($0)" }.joined(separator: ", ")
        return "embedding of \(model ?? "an unknown model"), \(values.count) values: \(shown), …"
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
