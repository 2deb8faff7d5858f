package import PerceptNumbers

/// A value that names one result of a graph. It owns nothing and copies freely.
///
/// In memory a tensor is `rows` rows of `octets` times eight elements: the last dimension is padded with zeros to a
/// multiple of eight, so that each row starts on 16 bytes in every storage type. Quantised rows lie as `QuantizedFormat`
/// says.
package struct Tensor: Hashable, Sendable {
    package let id: Int
    package let shape: [Int]
    /// How its rows lie; only weights and a decoder's keys and values are ever quantised.
    package let format: WeightType

    /// The type of its elements, which are not quantised.
    package var type: StorageType {
        guard case .plain(let type) = format else { preconditionFailure("\(self) is no tensor of plain elements") }
        return type
    }

    package var columns: Int { shape[shape.count - 1] }
    package var rows: Int { shape.dropLast().reduce(1, *) }
    /// Eight-element groups of a row.
    package var octets: Int { columns.dividedRoundingUp(by: 8) }
    package var paddedColumns: Int { octets * 8 }
    package var rowByteCount: Int { format.rowByteCount(columns: columns) }
    package var byteCount: Int { rows * rowByteCount }
}

extension Tensor: CustomStringConvertible {
    package var description: String { "%\(id) [\(shape.map(String.init).joined(separator: ", "))] \(format)" }
}

/// A range of whole columns of a tensor's rows: what one operand of a dispatch reads or writes.
///
/// Rows interleave, so a range of columns is treated as touching the whole tensor when hazards are looked for.
package struct Operand: Hashable, Sendable {
    package let tensor: Tensor
    /// First column; a multiple of eight.
    package let firstColumn: Int
    /// How many rows are touched, which ones being known on the device only.
    package let rows: Rows

    package enum Rows: Hashable, Sendable {
        case all
        case some(Int)
        /// Rows of a cache that hold something when a run ends, of each of some sequences that have room for so many positions.
        case held(positions: Int, of: Int)
    }

    package init(_ tensor: Tensor, firstColumn: Int = 0, rows: Rows = .all) {
        precondition(firstColumn % 8 == 0, "operands start on an octet")
        self.tensor = tensor
        self.firstColumn = firstColumn
        self.rows = rows
    }

    package var byteOffset: Int { firstColumn == 0 ? 0 : firstColumn * tensor.type.byteCount }
}

/// A result of a graph that the host reads after each run.
package struct Output: Hashable, Sendable {
    /// Its place among the outputs of the graph, and of plans of it.
    package let index: Int

    package init(index: Int) { self.index = index }
}

/// Where a tensor's contents come from.
package enum TensorSource: Hashable, Sendable {
    /// Filled by the caller before each run.
    case input(name: String)
    /// Part of a checkpoint, uploaded once and shared by programs.
    case weight(Weight)
    /// Computed on the host when the program is made: rotary tables.
    case constant([Float])
    /// Kept on the device from run to run and shared by programs.
    case state(StateSlot)
    /// Counters of arrivals, which every dispatch finds at zero and leaves there.
    case arrivals
    /// Written and read within one dispatch, which says how many rows of it.
    case scratch
    /// Written by a node.
    case computed
}

/// Device memory that outlives a run: the keys and values of a decoder, the token it is at.
///
/// Graphs that name the same slot share it; their tensors for it must agree in shape and type.
package struct StateSlot: Hashable, Sendable {
    package let name: String
    /// Whether the host reads it while programs run on; kernels then write across the bus.
    package let isHostVisible: Bool

    package init(_ name: String, isHostVisible: Bool = false) {
        self.name = name
        self.isHostVisible = isHostVisible
    }
}

/// A checkpoint tensor as kernels want it: a matrix, of which rows may be left out and heads padded.
///
/// The checkpoint's tensor is seen as [first dimension, all others], a vector as one row. Others of the same width can be
/// joined to it, so that one product serves them all.
package struct Weight: Hashable, Sendable {
    /// Zeros that make an odd head size a whole number of octets: `group` rows or columns become `padded`.
    package enum Padding: Hashable, Sendable {
        case none
        case rows(group: Int, padded: Int)
        case columns(group: Int, padded: Int)
    }

    /// How further weights' rows join those of this one.
    package enum Joined: Hashable, Sendable {
        case none
        /// Below it, in order: queries, keys and values of a decoder.
        case stacked([Weight])
        /// Row by row in turn with another of the same size: gate and up of SwiGLU, whose pairs a lane then holds.
        indirect case interleaved(Weight)
    }

    /// Canonical name (that of the official checkpoints).
    package let name: String
    /// Shape in the checkpoint; it is an error if the file's differs.
    package let shape: [Int]
    /// Whether the kernel wants the transpose of the checkpoint's matrix.
    package let transposed: Bool
    /// Rows taken, of the transpose where there is one.
    package let rows: Range<Int>
    /// Columns taken, likewise.
    package let columns: Range<Int>
    package let padding: Padding
    package let joined: Joined

    package init(
        _ name: String, _ shape: [Int], transposed: Bool = false, rows: Range<Int>? = nil, columns: Range<Int>? = nil,
        padding: Padding = .none, joined: Joined = .none
    ) {
        let first = shape.count == 1 ? 1 : shape[0]
        let others = shape.reduce(1, *) / first
        self.name = name
        self.shape = shape
        self.transposed = transposed
        self.rows = rows ?? 0..<(transposed ? others : first)
        self.columns = columns ?? 0..<(transposed ? first : others)
        self.padding = padding
        self.joined = joined
        switch joined {
        case .none: break
        case .stacked(let others): precondition(others.allSatisfy { $0.storedShape[1] == ownShape[1] }, name)
        case .interleaved(let other): precondition(other.storedShape == ownShape, name)
        }
    }

    /// This weight and those joined to it, each alone but for its own padding.
    package var parts: [Weight] {
        switch joined {
        case .none: [self]
        case .stacked(let others): [self] + others
        case .interleaved(let other): [self, other]
        }
    }

    /// Whether a stored row is a row of the checkpoint's matrix, element for element (of this weight alone).
    package var keepsRows: Bool {
        if case .columns = padding { return false }
        return !transposed && columns == 0..<shape.dropFirst(shape.count == 1 ? 0 : 1).reduce(1, *)
    }

    /// Rows and columns of the stored form, before the padding to octets that every tensor has.
    package var storedShape: [Int] {
        switch joined {
        case .none: ownShape
        case .stacked(let others): [others.reduce(ownShape[0]) { $0 + $1.storedShape[0] }, ownShape[1]]
        case .interleaved: [2 * ownShape[0], ownShape[1]]
        }
    }

    /// The stored form of this weight alone.
    package var ownShape: [Int] {
        switch padding {
        case .none: [rows.count, columns.count]
        case .rows(let group, let padded): [rows.count / group * padded, columns.count]
        case .columns(let group, let padded): [rows.count, columns.count / group * padded]
        }
    }
}
