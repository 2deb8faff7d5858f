/// Named embeddings that others are compared with.
public struct Gallery: Sendable {
    /// An entry and how like it something is.
    public struct Match: Sendable, Hashable {
        /// Of the entry.
        public let name: String
        /// -1 to 1.
        public let cosine: Float
    }

    private let entries: [(name: String, embedding: Embedding)]

    /// - Parameter entries: embeddings of one model.
    public init(_ entries: [(name: String, embedding: Embedding)]) { self.entries = entries }

    /// The entries most like an embedding, the most like first; equals in the order of the gallery.
    ///
    /// - Parameter count: at most so many.
    public func nearest(_ embedding: Embedding, count: Int) -> [Match] {
        let matches = entries.map { Match(name: $0.name, cosine: Embedding.cosine(embedding, $0.embedding)) }
        let order = matches.indices.sorted { (matches[$1].cosine, $0) < (matches[$0].cosine, $1) }
        return order.prefix(max(count, 0)).map { matches[$0] }
    }
}
