package import PerceptGraph

/// Where weights come from: a checkpoint, or numbers made up for benchmarks and tests.
package protocol WeightProvider: Sendable {
    /// Writes rows of a weight, as `weight.rows` and `weight.columns` number them, without padding between heads.
    ///
    /// - Parameters:
    ///   - rows: part of `weight.rows`.
    ///   - type: storage type to round to, to nearest even.
    ///   - destination: room for `rows.count` rows of `rowStride` elements.
    ///   - rowStride: elements from row to row; those behind a row are set to zero.
    /// - Returns: false if `type` is f16 and a value is beyond its range.
    func copyRows(
        _ rows: Range<Int>, of weight: Weight, as type: StorageType, to destination: UnsafeMutableRawPointer,
        rowStride: Int
    ) throws -> Bool
}
