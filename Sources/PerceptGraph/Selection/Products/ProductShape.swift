package import PerceptNumbers

/// What a product's kernel is chosen for: [rows, depth] by [columns, depth] transposed.
package struct ProductShape: Hashable, Sendable {
    package var rows: Int
    /// Padded to octets.
    package var columns: Int
    /// Padded to octets.
    package var depth: Int
    /// Of A.
    package var type: StorageType
    /// Of B.
    package var format: WeightType
    /// Whether A is gathered from pixels.
    package var isGathered: Bool
    /// Whether a part of the result is quantised in the epilogue, which `matvec` alone does.
    package var quantizes = false

    /// More would not fit the registers of `matvec`.
    package static let mostMatvecRows = 8
    /// Most parts that the depth of any product is made in.
    package static let mostParts = 8
    /// Up to this many rows one tile of 16 or 32 rows holds them all, and a taller one would mostly be idle.
    static let fewRows = 32

    package init(
        rows: Int, columns: Int, depth: Int, type: StorageType, format: WeightType, isGathered: Bool = false
    ) {
        self.rows = rows
        self.columns = columns.roundedUp(to: 8)
        self.depth = depth.roundedUp(to: 8)
        self.type = type
        self.format = format
        self.isGathered = isGathered
    }

    var isSkinny: Bool { rows <= Self.fewRows }

    /// What matrix units would multiply: 16-bit activations with weights of their type, or with quantised ones, which are
    /// widened to it; nil for others, and where A is gathered.
    var elements: StorageType? {
        !isGathered && type != .f32 && (format == .plain(type) || !format.isPlain) ? type : nil
    }

    package var shapeClass: ShapeClass {
        ShapeClass(
            "\(isGathered ? "patches" : "product") \(ShapeClass.rows(rows)) x \(columns) x \(depth) \(type) \(format)")
    }
}
