import Foundation
import PerceptCheckpoint
import PerceptHub
import PerceptJSON
import PerceptModels

/// Shows what Percept reads from checkpoints: standard input has a line `tensors PATH` or `model PATH` for each, and
/// standard output gets a line of JSON: the tensors by their names in the file, or those of a Perception Encoder or language
/// model by the names of its original release, each with type, shape and SHA-256 of its elements in row-major order; or
/// the error.
func probeCheckpoints(_ arguments: [String]) throws {
    while let line = readLine() {
        let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
        guard parts.count == 2 else { continue }
        var members: [JSON.Member] = []
        do {
            let (tensors, notes) = try read(parts[1], as: parts[0])
            members.append(JSON.Member("notes", .array(notes.map { .string($0) })))
            members.append(JSON.Member("tensors", .object(try tensors.map { JSON.Member($0.name, try described($0)) })))
        } catch {
            members = [JSON.Member("error", .string("\(error)"))]
        }
        // At once: what ends the process must not take the answers before it along.
        FileHandle.standardOutput.write(Data((JSON.object(members).text() + "\n").utf8))
    }
}

private func read(_ path: String, as kind: String) throws -> (tensors: [CheckpointTensor], notes: [String]) {
    switch kind {
    case "model":
        let model = try EncoderCheckpoint(contentsOf: path)
        return (model.weights.tensors, model.notes)
    case "language":
        let model = try PLMCheckpoint(contentsOf: path)
        return (model.weights.tensors, model.notes)
    default:
        let checkpoint = try Checkpoint(contentsOf: path)
        return (checkpoint.tensors, checkpoint.notes)
    }
}

private func described(_ tensor: CheckpointTensor) throws -> JSON {
    let shape = JSON.array(tensor.shape.map { .integer($0) })
    if tensor.foreign != nil { return .array([.string("foreign"), shape, .string("")]) }
    let size = tensor.rows * tensor.storedRowByteCount
    var bytes = [UInt8](repeating: 0, count: size)
    try bytes.withUnsafeMutableBytes { buffer in
        guard let base = buffer.baseAddress else { return }
        try tensor.copyStoredRows(0..<tensor.rows, to: base)
    }
    return .array([.string(tensor.storedType), shape, .string(sha256(bytes))])
}

private func sha256(_ bytes: [UInt8]) -> String {
    guard let hash = RunningHash(.sha256(""), size: bytes.count) else { return "" }
    bytes.withUnsafeBytes { hash.update($0) }
    return hash.finish()
}
