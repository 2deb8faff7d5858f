import Synchronization

/// Named tensors of one model, whatever the files they come from.
///
/// Remembers which tensors were asked for, so that loading can end with ``requireAllUsed()`` and a misspelled name is
/// an error in both directions.
package final class Checkpoint: Sendable {
    /// The file or directory, for messages.
    package let path: String
    /// In the order of the file.
    package let tensors: [CheckpointTensor]
    private let positions: [String: Int]
    private let asked = Mutex<Set<String>>([])

    /// - Throws: ``CheckpointError/malformed(file:reason:)`` when two tensors have one name.
    package init(path: String, tensors: [CheckpointTensor]) throws(CheckpointError) {
        var positions: [String: Int] = [:]
        for (position, tensor) in tensors.enumerated() {
            guard positions.updateValue(position, forKey: tensor.name) == nil else {
                throw .malformed(file: path, reason: "there are two tensors named '\(tensor.name)'")
            }
        }
        self.path = path
        self.tensors = tensors
        self.positions = positions
    }

    /// Opens a safetensors file, a safetensors index, a PyTorch file, or a directory with one of them or with several
    /// `consolidated.NN.pth`.
    package convenience init(contentsOf path: String) throws(CheckpointError) {
        var tensors: [CheckpointTensor] = []
        var positions: [String: Int] = [:]
        for file in try CheckpointLocation.weights(at: path) {
            let start = tensors.count
            for tensor in try Self.tensors(contentsOf: file) {
                // Of a name in several files the last holds, as when the reference merges its dictionaries; within one
                // file it is an error.
                if let position = positions[tensor.name], position < start {
                    tensors[position] = tensor
                } else {
                    positions[tensor.name] = tensors.count
                    tensors.append(tensor)
                }
            }
        }
        try self.init(path: path, tensors: tensors)
    }

    /// Reads weights that lie in memory for the life of the process.
    package convenience init(resource file: MappedFile) throws(CheckpointError) {
        try self.init(path: file.path, tensors: try Self.tensors(of: file))
    }

    private static func tensors(contentsOf path: String) throws(CheckpointError) -> [CheckpointTensor] {
        if path.hasSuffix(".json") { return try SafetensorsIndex.tensors(contentsOf: path) }
        return try tensors(of: MappedFile(path: path))
    }

    /// Tells the formats apart by their first bytes: a zip archive, a bare pickle, or a length and a brace.
    private static func tensors(of file: MappedFile) throws(CheckpointError) -> [CheckpointTensor] {
        let start = file.bytes.prefix(9)
        if start.starts(with: "PK".utf8) || start.starts(with: [0x80, 0x02]) { return try TorchFile(file).tensors }
        if file.path.hasSuffix(".safetensors") || (start.count == 9 && start[8] == UInt8(ascii: "{")) {
            return try SafetensorsFile(file).tensors
        }
        throw .malformed(file: file.path, reason: "this is neither a safetensors file nor a PyTorch archive")
    }

    /// The tensor called `name`, without noting that it was asked for.
    package subscript(name: String) -> CheckpointTensor? {
        positions[name].map { tensors[$0] }
    }

    package func contains(_ name: String) -> Bool { positions[name] != nil }

    /// The tensor called `name`, which must have `shape`.
    ///
    /// - Throws: ``CheckpointError/missing(file:name:)``, ``CheckpointError/shape(file:name:expected:found:)``.
    package func tensor(_ name: String, _ shape: [Int]) throws(CheckpointError) -> CheckpointTensor {
        guard let tensor = self[name] else { throw .missing(file: path, name: name) }
        guard tensor.shape == shape else {
            throw .shape(file: path, name: name, expected: shape, found: tensor.shape)
        }
        asked.withLock { _ = $0.insert(name) }
        return tensor
    }

    /// The tensors whose names begin with `prefix` and a full stop.
    package func scope(_ prefix: String) -> Scope { Scope(checkpoint: self, prefix: prefix + ".") }

    /// - Throws: ``CheckpointError/unused(file:names:)`` with the tensors nobody asked for.
    package func requireAllUsed() throws(CheckpointError) {
        let unused = asked.withLock { asked in tensors.map(\.name).filter { !asked.contains($0) } }
        guard unused.isEmpty else { throw .unused(file: path, names: unused) }
    }
}

extension Checkpoint {
    /// The part of a checkpoint under one prefix.
    package struct Scope: Sendable {
        let checkpoint: Checkpoint
        let prefix: String

        package func contains(_ name: String) -> Bool { checkpoint.contains(prefix + name) }

        /// See ``Checkpoint/tensor(_:_:)``.
        package func tensor(_ name: String, _ shape: [Int]) throws(CheckpointError) -> CheckpointTensor {
            try checkpoint.tensor(prefix + name, shape)
        }

        package func scope(_ name: String) -> Scope { Scope(checkpoint: checkpoint, prefix: prefix + name + ".") }
    }
}
