import PerceptCheckpoint
import PerceptNumbers

extension Checkpoint {
    /// The tensors that a model asks for, all there and of the right shapes, and no others; what else there is becomes a
    /// note.
    ///
    /// - Parameters:
    ///   - optional: parts that models of the kind may have and this has not; a tensor of one that is there all the same
    ///     means that the rest of the part is missing, or that the configuration is another model's.
    ///   - strays: tensors that are known to be no part of the model.
    ///   - notes: those that precede.
    /// - Throws: ``CheckpointError/missing(file:name:)``, ``CheckpointError/shape(file:name:expected:found:)``,
    ///   ``CheckpointError/unused(file:names:)`` for a part that the model has not, and
    ///   ``CheckpointError/unsupported(file:feature:)`` for elements that are no weights.
    func selecting(
        _ expected: [WeightShape], optional: [[WeightShape]], strays: [CheckpointTensor], notes: [String]
    ) throws(CheckpointError) -> Checkpoint {
        var selected: [CheckpointTensor] = []
        selected.reserveCapacity(expected.count)
        for weight in expected {
            guard let tensor = self[weight.name] else { throw .missing(file: path, name: weight.name) }
            guard tensor.shape == weight.shape else {
                throw .shape(file: path, name: weight.name, expected: weight.shape, found: tensor.shape)
            }
            try tensor.requireReadable()
            guard tensor.quantization != nil || tensor.elementType.isFloatingPoint else {
                throw .unsupported(
                    file: path,
                    feature: "tensor '\(weight.name)' of \(tensor.elementType), which another program has quantised,")
            }
            selected.append(tensor)
        }
        let names = Set(expected.map(\.name))
        let extra = tensors.map(\.name).filter { !names.contains($0) }
        try requireNone(extra, of: optional)
        return try Checkpoint(path: path, tensors: selected, notes: notes + note(of: extra, strays: strays.map(\.name)))
    }

    private func requireNone(_ extra: [String], of optional: [[WeightShape]]) throws(CheckpointError) {
        let extra = Set(extra)
        for part in optional {
            let found = part.map(\.name).filter(extra.contains)
            if found.isEmpty { continue }
            if let missing = part.first(where: { self[$0.name] == nil }) {
                throw .missing(file: path, name: missing.name)
            }
            throw .unused(file: path, names: found)
        }
    }

    private func note(of extra: [String], strays: [String]) -> [String] {
        let all = extra + strays
        guard !all.isEmpty else { return [] }
        let subject =
            all.count == 1
            ? "1 tensor that no part of the model asks for was"
            : "\(all.count) tensors that no part of the model asks for were"
        var note =
            subject + " passed over: " + all.prefix(4).map { "'\($0)'" }.joined(separator: ", ")
            + (all.count > 4 ? ", …" : "")
        // A name in a block of the model is likely to mean something there.
        if let name = extra.first(where: Self.isInBlock) {
            note += "; '\(name)' lies in a block of the model, which may be of another architecture"
        }
        return ["\(path): \(note)"]
    }

    private static func isInBlock(_ name: String) -> Bool {
        let parts = name.split(separator: ".")
        return zip(parts, parts.dropFirst()).contains {
            ["blocks", "resblocks", "layers"].contains($0) && Int($1) != nil
        }
    }
}
