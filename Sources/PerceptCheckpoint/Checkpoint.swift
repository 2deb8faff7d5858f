/// Named tensors of one model, whatever the files they come from.
package final class Checkpoint: Sendable {
    /// The file or directory, for messages.
    package let path: String
    /// In the order of the file.
    package let tensors: [CheckpointTensor]
    /// What a user may want to know of how the files were read.
    package let notes: [String]
    private let positions: [String: Int]

    /// - Throws: ``CheckpointError/malformed(file:reason:)`` when two tensors have one name.
    package init(path: String, tensors: [CheckpointTensor], notes: [String] = []) throws(CheckpointError) {
        var positions: [String: Int] = [:]
        for (position, tensor) in tensors.enumerated() {
            guard positions.updateValue(position, forKey: tensor.name) == nil else {
                throw .malformed(file: path, reason: "there are two tensors named '\(tensor.name)'")
            }
        }
        self.path = path
        self.tensors = tensors
        self.notes = notes
        self.positions = positions
    }

    /// Opens a safetensors file, a safetensors index, a PyTorch file, or a directory with one of them or with several
    /// `consolidated.NN.pth`.
    package convenience init(contentsOf path: String) throws(CheckpointError) {
        var tensors: [CheckpointTensor] = []
        var positions: [String: Int] = [:]
        let weights = try CheckpointLocation.weights(at: path)
        var notes = weights.notes
        for file in weights.files {
            let start = tensors.count
            let contents = try WeightsFile(contentsOf: file)
            notes += contents.notes.map { "\(file): \($0)" }
            for tensor in contents.tensors {
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
        try self.init(path: path, tensors: tensors, notes: notes)
    }

    /// Reads weights that lie in memory for the life of the process.
    package convenience init(resource file: MappedFile) throws(CheckpointError) {
        let contents = try WeightsFile(file)
        try self.init(path: file.path, tensors: contents.tensors, notes: contents.notes)
    }

    /// The tensor called `name`.
    package subscript(name: String) -> CheckpointTensor? {
        positions[name].map { tensors[$0] }
    }

    package func contains(_ name: String) -> Bool { positions[name] != nil }

    /// The tensor called `name`, which must have `shape`.
    ///
    /// - Throws: ``CheckpointError/missing(file:name:)``, ``CheckpointError/shape(file:name:expected:found:)``,
    ///   ``CheckpointError/unsupported(file:feature:)`` for elements that are not read.
    package func tensor(_ name: String, _ shape: [Int]) throws(CheckpointError) -> CheckpointTensor {
        guard let tensor = self[name] else { throw .missing(file: path, name: name) }
        guard tensor.shape == shape else {
            throw .shape(file: path, name: name, expected: shape, found: tensor.shape)
        }
        try tensor.requireReadable()
        return tensor
    }
}
