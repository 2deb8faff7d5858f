/// A value that names one result of a graph. It owns nothing and copies freely.
///
/// In memory a tensor is `rows` rows of `octets` times eight elements: the last dimension is padded with zeros to a
/// multiple of eight, so that each row starts on 16 bytes in every storage type.
package struct Tensor: Hashable, Sendable {
    package let id: Int
    package let shape: [Int]
    package let type: StorageType

    package var columns: Int { shape[shape.count - 1] }
    package var rows: Int { shape.dropLast().reduce(1, *) }
    /// Eight-element groups of a row.
    package var octets: Int { columns.dividedRoundingUp(by: 8) }
    package var paddedColumns: Int { octets * 8 }
    package var rowByteCount: Int { paddedColumns * type.byteCount }
    package var byteCount: Int { rows * rowByteCount }
}

extension Tensor: CustomStringConvertible {
    package var description: String { "%\(id) [\(shape.map(String.init).joined(separator: ", "))] \(type)" }
}

/// A range of whole columns of a tensor's rows: what one operand of a dispatch reads or writes.
///
/// Rows interleave, so a range of columns is treated as touching the whole tensor when hazards are looked for.
package struct Operand: Hashable, Sendable {
    package let tensor: Tensor
    /// First column; a multiple of eight.
    package let firstColumn: Int

    package init(_ tensor: Tensor, firstColumn: Int = 0) {
        precondition(firstColumn % 8 == 0, "operands start on an octet")
        self.tensor = tensor
        self.firstColumn = firstColumn
    }

    package var byteOffset: Int { firstColumn * tensor.type.byteCount }
}

/// Where a tensor's contents come from.
package enum TensorSource: Hashable, Sendable {
    /// Filled by the caller before each run.
    case input(name: String)
    /// Part of a checkpoint, uploaded once and shared by programs.
    case weight(Weight)
    /// Computed on the host when the program is made: rotary tables.
    case constant([Float])
    /// Written by a node.
    case computed
}

/// A checkpoint tensor as kernels want it.
///
/// The stored form differs from the checkpoint's in its type, in which rows are taken, and in padding: rows or columns
/// come in groups of `group` (one attention head), each padded with zeros to `paddedGroup`.
package struct Weight: Hashable, Sendable {
    package enum Padding: Hashable, Sendable {
        case none
        case rows(group: Int, padded: Int)
        case columns(group: Int, padded: Int)
    }

    /// Canonical name (that of the official checkpoints).
    package let name: String
    /// Shape in the checkpoint; an error if it differs there.
    package let shape: [Int]
    /// Rows taken of it.
    package let rows: Range<Int>
    package let padding: Padding
    /// Whether the checkpoint holds the transpose: `shape` is then the transposed one.
    package let transposed: Bool

    package init(
        _ name: String, _ shape: [Int], rows: Range<Int>? = nil, padding: Padding = .none, transposed: Bool = false
    ) {
        self.name = name
        self.shape = shape
        self.rows = rows ?? 0..<shape.dropLast().reduce(1, *)
        self.padding = padding
        self.transposed = transposed
    }

    package var columns: Int { shape[shape.count - 1] }

    /// Rows and columns of the stored form, before the row padding that every tensor has.
    package var storedShape: [Int] {
        switch padding {
        case .none: [rows.count, columns]
        case .rows(let group, let padded): [rows.count / group * padded, columns]
        case .columns(let group, let padded): [rows.count, columns / group * padded]
        }
    }
}
