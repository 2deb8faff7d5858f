package import PerceptGraph
package import PerceptNumbers

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

    /// The format in which the rows of a weight that keeps them (``Weight/keepsRows``) are there already; nil where they are
    /// elements, which `copyRows` gives of every weight.
    func quantization(of weight: Weight) throws -> QuantizedFormat?

    /// Copies rows of a weight as they are stored, in the format that ``quantization(of:)`` says.
    ///
    /// - Parameters:
    ///   - rows: part of `weight.rows`.
    ///   - destination: room for `rows.count` rows of the format.
    func copyQuantizedRows(_ rows: Range<Int>, of weight: Weight, to destination: UnsafeMutableRawPointer) throws

    /// Rows of a weight where they already lie in host memory as the device wants them: in `type`, all columns, one row
    /// after another, starting on 16 bytes. Nil where they do not.
    func rowsInPlace(_ rows: Range<Int>, of weight: Weight, as type: WeightType) throws -> HostBytes?
}

extension WeightProvider {
    package func quantization(of weight: Weight) throws -> QuantizedFormat? { nil }

    package func copyQuantizedRows(
        _ rows: Range<Int>, of weight: Weight, to destination: UnsafeMutableRawPointer
    ) throws {
        preconditionFailure("\(weight.name) has no quantised rows")
    }

    package func rowsInPlace(_ rows: Range<Int>, of weight: Weight, as type: WeightType) throws -> HostBytes? { nil }
}

/// Bytes of the host, with what keeps them where they are.
package struct HostBytes {
    package let bytes: UnsafeRawBufferPointer
    package let owner: AnyObject

    package init(_ bytes: UnsafeRawBufferPointer, owner: AnyObject) {
        self.bytes = bytes
        self.owner = owner
    }
}
