import PerceptNumbers

/// A `.pt`, `.pth`, `.bin` or `.ckpt` file of PyTorch: a pickle of tensor descriptions and the raw storages, in a zip
/// archive (1.6 and later) or one behind the other (before; PyTorch: `torch/serialization.py`).
package struct TorchFile: Sendable {
    /// In the order of the state dictionary.
    package let tensors: [CheckpointTensor]
    /// What was chosen among what the file holds, and what was passed over.
    package let notes: [String]

    /// Real pickles take about 300 bytes a tensor.
    static let longestPickle = 32 << 20

    /// Whether this may be such a file: an archive, or a pickle.
    static func isLikely(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.starts(with: [0x50, 0x4B, 0x03, 0x04]) || bytes.starts(with: [0x50, 0x4B, 0x05, 0x06])
            || (bytes.count > 1 && bytes[0] == 0x80 && bytes[1] <= 5)
    }

    package init(_ file: MappedFile) throws(CheckpointError) {
        let isArchive = file.bytes.starts(with: "PK".utf8)
        let contents = try isArchive ? TorchContents(archive: file) : TorchContents(stream: file)
        let state = try TorchStateDictionary(contents.root, contents.machine, file: file.path)
        var tensors: [CheckpointTensor] = []
        tensors.reserveCapacity(state.tensors.count)
        for (name, tensor) in state.tensors {
            tensors.append(try contents.view(tensor, name: name, file: file))
        }
        self.tensors = tensors
        notes = state.notes
    }
}

/// The two parts of a file, wherever they lie: what the pickle describes, and where the storages are.
private struct TorchContents {
    let root: PickleValue
    let machine: PickleMachine
    let storages: [String: ZipArchive.Content]
    /// What an archive calls the entries of storages; empty in a stream.
    let folder: String

    func view(_ tensor: TorchTensor, name: String, file: MappedFile) throws(CheckpointError) -> CheckpointTensor {
        if let foreign = tensor.foreign {
            return CheckpointTensor(name: name, shape: tensor.shape, in: file, foreign: foreign)
        }
        guard let type = tensor.storage.type else { throw outside(name, file) }
        let size = type.size
        let entry = folder + tensor.storage.key
        guard let storage = storages[entry] else { throw .missing(file: file.path, name: "\(name) (storage \(entry))") }
        guard tensor.storage.count <= storage.range.count / size else {
            throw .truncated(
                file: file.path, needed: tensor.storage.count.multipliedReportingOverflow(by: size).partialValue,
                found: storage.range.count)
        }
        // The part lies in the storage, as reading the reference has shown.
        let count = tensor.storage.partCount ?? tensor.storage.count
        guard tensor.offset <= count,
            let block = StridedBlock(
                file: file, elementType: type,
                offset: storage.range.lowerBound + (tensor.storage.start + tensor.offset) * size, shape: tensor.shape,
                strides: tensor.strides, available: (count - tensor.offset) * size,
                check: storage.checksum.map { ContentCheck(storage.range, checksum: $0, name: entry) })
        else { throw outside(name, file) }
        return CheckpointTensor(name: name, block: block)
    }

    private func outside(_ name: String, _ file: MappedFile) -> CheckpointError {
        .malformed(file: file.path, reason: "tensor '\(name)' reaches outside its storage")
    }
}

// MARK: Archives

extension TorchContents {
    init(archive file: MappedFile) throws(CheckpointError) {
        let archive = try ZipArchive(file)
        let pickles = archive.entries.keys.filter { $0.hasSuffix("/data.pkl") || $0 == "data.pkl" }
        let folders = pickles.map { $0.dropLast("data.pkl".count) }
        if folders.contains(where: { archive.entries[$0 + "constants.pkl"] != nil }) {
            throw .unsupported(
                file: file.path,
                feature:
                    "a TorchScript program: load it with torch.jit.load and save its state_dict() with torch.save; "
                    + "as it is, it")
        }
        if pickles.count == 1, let name = archive.compressed.min() {
            throw .unsupported(
                file: file.path,
                feature: "the compressed archive entry '\(name)'; unpack the archive and pack it without compression "
                    + "(zip -0); as it is, it")
        }
        guard let name = pickles.first, pickles.count == 1, let entry = archive.entries[name] else {
            throw Self.stranger(archive, pickles.count, file.path)
        }
        guard entry.range.count <= TorchFile.longestPickle else {
            throw .unsupported(file: file.path, feature: "a pickle of \(entry.range.count) bytes")
        }
        let folder = String(name.dropLast("data.pkl".count))
        if let order = try archive.verified(folder + "byteorder", in: file), !order.elementsEqual("little".utf8) {
            throw .unsupported(file: file.path, feature: "a byte order other than little endian")
        }
        var machine = PickleMachine(try archive.verified(name, in: file) ?? entry.bytes(in: file), file: file.path)
        root = try machine.run()
        self.machine = machine
        storages = archive.entries
        self.folder = folder + "data/"
    }

    /// An archive without the pickle that PyTorch's have.
    private static func stranger(_ archive: ZipArchive, _ count: Int, _ file: String) -> CheckpointError {
        if count > 1 {
            return .malformed(file: file, reason: "the archive holds \(count) entries 'data.pkl', expected 1")
        }
        let names = archive.entries.keys.sorted()
        if !names.isEmpty, names.allSatisfy({ $0.hasSuffix(".npy") }) {
            return .unsupported(file: file, feature: "an archive of NumPy arrays; as weights, it")
        }
        let weights = names.filter { name in
            CheckpointLocation.suffixes.contains { name.lowercased().hasSuffix($0) }
        }
        let found = names.prefix(3).map { "'\($0)'" }.joined(separator: ", ") + (names.count > 3 ? ", …" : "")
        return .malformed(
            file: file,
            reason: "this is a zip archive, but not one of PyTorch: it holds no entry 'data.pkl', but "
                + (names.isEmpty ? "nothing" : found)
                + (weights.isEmpty ? "" : "; unpack it and name '\(weights[0])'"))
    }
}

// MARK: The format before 1.6

extension TorchContents {
    /// Five pickles, then the storages in the order of the keys in the last: a count of 8 bytes and the elements.
    init(stream file: MappedFile) throws(CheckpointError) {
        // A number of ten bytes, which PyTorch calls magic, tells this format from other pickles.
        let magic: [UInt8] = [0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19]
        guard [2, 11].contains(where: { file.bytes.dropFirst($0).starts(with: magic) }) else {
            throw .malformed(
                file: file.path,
                reason: "this is a pickle, but not one of torch.save; save the tensors again with torch.save or as "
                    + "safetensors")
        }
        var position = 0
        func pickle() throws(CheckpointError) -> (PickleValue, PickleMachine) {
            var machine = PickleMachine(file.bytes, at: position, file: file.path)
            let value = try machine.run()
            position = machine.position
            return (value, machine)
        }
        _ = try pickle()
        guard case (.integer(1001), _) = try pickle() else {
            throw .unsupported(file: file.path, feature: "another version of PyTorch's old format than 1001")
        }
        let (system, facts) = try pickle()
        if case .dictionary(let index) = system,
            case .bool(false) = TorchStateDictionary.value("little_endian", facts.containers[index])
        {
            throw .unsupported(file: file.path, feature: "a byte order other than little endian")
        }
        (root, machine) = try pickle()
        guard case (.list(let index), let list) = try pickle() else {
            throw .malformed(file: file.path, reason: "the list of storages is missing")
        }
        var cursor = ByteCursor(file.bytes, at: position, file: file.path)
        var storages: [String: ZipArchive.Content] = [:]
        for key in list.containers[index] {
            guard case .string(let key) = key, let storage = machine.storages[key] else {
                throw .malformed(file: file.path, reason: "a storage is listed that no tensor has")
            }
            guard let size = storage.type?.size ?? Self.elementSizes[storage.typeName] else {
                throw .unsupported(file: file.path, feature: "the element type of '\(storage.typeName)'")
            }
            let count = try cursor.size64()
            guard count == storage.count else {
                throw .malformed(
                    file: file.path,
                    reason: "storage \(key) has \(count) elements, its tensors say \(storage.count)")
            }
            let (bytes, overflow) = count.multipliedReportingOverflow(by: size)
            guard !overflow else { throw .malformed(file: file.path, reason: "storage \(key) is out of range") }
            let start = cursor.position
            _ = try cursor.take(bytes)
            storages[key] = ZipArchive.Content(range: start..<start + bytes, checksum: nil)
        }
        self.storages = storages
        folder = ""
    }

    /// Of elements that are passed over.
    private static let elementSizes = [
        "UntypedStorage": 1, "ComplexFloatStorage": 8, "ComplexDoubleStorage": 16, "ComplexHalfStorage": 4,
        "QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4, "QUInt4x2Storage": 1, "QUInt2x4Storage": 1,
    ]
}
