/// A `.pt`, `.pth` or `.bin` file of PyTorch 1.6 or later: a zip archive with a pickle of tensor descriptions and the
/// raw storages (PyTorch: `torch/serialization.py`).
package struct TorchFile: Sendable {
    /// In the order of the state dictionary.
    package let tensors: [CheckpointTensor]

    /// Real pickles take about 300 bytes a tensor.
    private static let longestPickle = 32 << 20

    package init(_ file: MappedFile) throws(CheckpointError) {
        let start = file.bytes.prefix(4)
        if start.first == 0x80 {
            throw .unsupported(
                file: file.path,
                feature: "the format of PyTorch before 1.6 (save the file again with a newer version)")
        }
        guard start.elementsEqual([0x50, 0x4B, 0x03, 0x04]) else {
            throw .malformed(file: file.path, reason: "this is not a PyTorch archive")
        }
        let archive = try ZipArchive(file)
        let pickles = archive.entries.keys.filter { $0.hasSuffix("/data.pkl") || $0 == "data.pkl" }
        guard let name = pickles.first, pickles.count == 1, let range = archive.entries[name] else {
            throw .malformed(
                file: file.path, reason: "the archive holds \(pickles.count) entries 'data.pkl', expected 1")
        }
        guard range.count <= Self.longestPickle else {
            throw .unsupported(file: file.path, feature: "a pickle of \(range.count) bytes")
        }
        let folder = String(name.dropLast("data.pkl".count))
        if let order = archive.entries[folder + "byteorder"], !file.bytes[order].elementsEqual("little".utf8) {
            throw .unsupported(file: file.path, feature: "a byte order other than little endian")
        }
        var machine = PickleMachine(UnsafeRawBufferPointer(rebasing: file.bytes[range]), file: file.path)
        let root = try machine.run()
        let described = Self.stateDictionary(root, machine.containers)
        guard !described.isEmpty else {
            throw .malformed(file: file.path, reason: "there is no dictionary of tensors in it")
        }
        var tensors: [CheckpointTensor] = []
        tensors.reserveCapacity(described.count)
        for (name, tensor) in described {
            let storage = archive.entries["\(folder)data/\(tensor.storage.key)"]
            tensors.append(try Self.view(tensor, name: name, storage: storage, file: file))
        }
        self.tensors = tensors
    }

    /// The named tensors of `root` itself or of the dictionary it wraps (`state_dict`, `weights` or `model`); values
    /// of other kinds are passed over, and of a name given twice the last holds, as in Python.
    private static func stateDictionary(
        _ root: PickleValue, _ containers: [[PickleValue]]
    ) -> [(name: String, tensor: TorchTensor)] {
        guard case .dictionary(var index) = root else { return [] }
        for wrapper in ["state_dict", "weights", "model"] {
            if case .dictionary(let inner) = value(wrapper, containers[index]) {
                index = inner
                break
            }
        }
        var order: [String] = []
        var tensors: [String: TorchTensor] = [:]
        let pairs = containers[index]
        for position in stride(from: 0, to: pairs.count, by: 2) {
            guard case .string(let name) = pairs[position], case .tensor(let tensor) = pairs[position + 1] else {
                continue
            }
            if tensors.updateValue(tensor, forKey: name) == nil { order.append(name) }
        }
        return order.compactMap { name in tensors[name].map { (name, $0) } }
    }

    private static func value(_ key: String, _ pairs: [PickleValue]) -> PickleValue? {
        for position in stride(from: 0, to: pairs.count, by: 2) {
            if case .string(key) = pairs[position] { return pairs[position + 1] }
        }
        return nil
    }

    private static func view(
        _ tensor: TorchTensor, name: String, storage: Range<Int>?, file: MappedFile
    ) throws(CheckpointError) -> CheckpointTensor {
        let size = tensor.storage.type.size
        guard let storage else { throw .missing(file: file.path, name: "\(name) (storage \(tensor.storage.key))") }
        guard tensor.storage.count <= storage.count / size else {
            throw .truncated(
                file: file.path, needed: tensor.storage.count.multipliedReportingOverflow(by: size).partialValue,
                found: storage.count)
        }
        guard tensor.offset <= tensor.storage.count,
            let block = StridedBlock(
                file: file, elementType: tensor.storage.type, offset: storage.lowerBound + tensor.offset * size,
                shape: tensor.shape, strides: tensor.strides,
                available: (tensor.storage.count - tensor.offset) * size)
        else { throw .malformed(file: file.path, reason: "tensor '\(name)' reaches outside its storage") }
        return CheckpointTensor(name: name, block: block)
    }
}
