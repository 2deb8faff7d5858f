import PerceptJSON

/// The tensors of one file of weights, of whatever kind, told apart by its first bytes.
struct WeightsFile {
    let tensors: [CheckpointTensor]
    /// What was chosen or passed over in it.
    let notes: [String]

    /// Opens a safetensors file, a PyTorch file or an index of several.
    init(contentsOf path: String) throws(CheckpointError) {
        self =
            try path.hasSuffix(".json")
            ? WeightsFile(tensors: WeightsIndex.tensors(contentsOf: path), notes: [])
            : WeightsFile(MappedFile(path: path))
    }

    private init(tensors: [CheckpointTensor], notes: [String]) {
        self.tensors = tensors
        self.notes = notes
    }

    init(_ file: MappedFile) throws(CheckpointError) {
        let start = file.bytes.prefix(9)
        // First: the length that begins a safetensors file can look like the start of a pickle, as 80 02 does. Bytes of a
        // pickle or an archive, taken for a length, are longer than any file.
        if !SafetensorsFile.isLikely(file.bytes), TorchFile.isLikely(file.bytes) {
            let contents = try TorchFile(file)
            (tensors, notes) = (contents.tensors, contents.notes)
            return
        }
        let looksLikeSafetensors = start.count == 9 && start[8] == UInt8(ascii: "{")
        if !looksLikeSafetensors, let foreign = ForeignContent(file.bytes, expected: .weights) {
            throw .malformed(file: file.path, reason: foreign.description)
        }
        if file.path.hasSuffix(".safetensors") || looksLikeSafetensors {
            tensors = try SafetensorsFile(file).tensors
            notes = []
            return
        }
        throw .malformed(
            file: file.path,
            reason: "this is neither a safetensors file nor one of PyTorch; it begins with "
                + start.prefix(8).map { String($0, radix: 16) }.joined(separator: " "))
    }
}
