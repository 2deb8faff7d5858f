package import PerceptNumbers

/// What the kernel of multi-head attention is chosen for.
package struct AttentionShape: Hashable, Sendable {
    /// Of one image, or of one run of a decoder.
    package var queries: Int
    /// Of all images together.
    package var heads: Int
    package var headOctets: Int
    /// Of queries.
    package var type: StorageType
    /// Of keys and values.
    package var format: WeightType
    package var causal: Bool
    /// Keys and values are a decoder's.
    package var cached: Bool

    package init(
        queries: Int, heads: Int, headOctets: Int, type: StorageType, format: WeightType, causal: Bool, cached: Bool
    ) {
        self.queries = queries
        self.heads = heads
        self.headOctets = headOctets
        self.type = type
        self.format = format
        self.causal = causal
        self.cached = cached
    }

    package var shapeClass: ShapeClass {
        let kind = cached ? "cached attention" : causal ? "causal attention" : "attention"
        return ShapeClass(
            "\(kind) \(ShapeClass.rows(queries)) x \(ShapeClass.rows(heads)) x \(8 * headOctets) \(type) \(format)")
    }
}
