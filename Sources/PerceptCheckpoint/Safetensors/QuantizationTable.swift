package import PerceptJSON
package import PerceptNumbers

/// Which tensors of a safetensors file hold quantised rows, and of what matrices.
///
/// The file says so itself, under `percept.quantization` in its `__metadata__`: a JSON object
/// `{"scheme": "percept-rows", "version": 1, "tensors": {NAME: {"format": "q8" | "q4", "shape": [rows, columns]}}}`. The
/// tensor NAME of the file is of type `U8` and shape [rows, bytes of a row]; a row's bytes are those of
/// ``QuantizedFormat``.
package struct QuantizationTable: Sendable, Hashable {
    /// What one tensor's rows stand for.
    package struct Entry: Sendable, Hashable {
        package let format: QuantizedFormat
        /// Rows and columns of the matrix.
        package let shape: [Int]

        package init(format: QuantizedFormat, shape: [Int]) {
            self.format = format
            self.shape = shape
        }

        /// Of the bytes that hold it.
        package var storedShape: [Int] { [shape[0], format.rowByteCount(columns: shape[1])] }
    }

    /// What the layout of bytes in rows is called.
    package static let scheme = "percept-rows"
    /// Raised when a reader of the one before would misread rows.
    package static let version = 1
    private static let key = "percept.quantization"
    /// Above this a matrix has more columns than any, and sizes would not fit.
    private static let mostColumns = 1 << 32

    /// By the tensor's name.
    package var entries: [String: Entry] = [:]

    package init() {}

    /// Reads a file's metadata; there are no entries where it does not speak of quantisation.
    ///
    /// - Throws: ``CheckpointError/unsupported(file:feature:)`` for another scheme or version,
    ///   ``CheckpointError/malformed(file:reason:)`` for what is none.
    init(metadata: [String: String], file: String) throws(CheckpointError) {
        guard var text = metadata[Self.key] else { return }
        let parsed = text.withUTF8 { bytes in
            Result { () throws(CheckpointError) in try JSON(UnsafeRawBufferPointer(bytes), file: file) }
        }
        let json: JSON
        do { json = try parsed.get() } catch {
            throw .malformed(file: file, reason: "the metadata '\(Self.key)' is not JSON")
        }
        try Self.requireKnown(scheme: json["scheme"], version: json["version"], file: file)
        guard let tensors = json["tensors"]?.members else {
            throw .malformed(file: file, reason: "the metadata '\(Self.key)' has no object 'tensors'")
        }
        for tensor in tensors {
            let name = tensor.value["format"]?.string ?? ""
            guard let format = QuantizedFormat(name: name) else {
                throw .unsupported(file: file, feature: "the format '\(name)' of quantised tensor '\(tensor.name)'")
            }
            let shape = (tensor.value["shape"]?.array ?? []).compactMap(\.integer)
            guard shape.count == 2, shape[0] >= 0, (1...Self.mostColumns).contains(shape[1]),
                elementCount(shape) != nil
            else {
                throw .malformed(file: file, reason: "quantised tensor '\(tensor.name)' has no valid shape")
            }
            entries[tensor.name] = Entry(format: format, shape: shape)
        }
    }

    /// - Throws: ``CheckpointError/unsupported(file:feature:)`` for a scheme that is not this one.
    package static func requireKnown(scheme: JSON?, version: JSON?, file: String) throws(CheckpointError) {
        guard scheme?.string == Self.scheme else {
            throw .unsupported(file: file, feature: "the quantisation scheme '\(scheme?.string ?? "none")'")
        }
        guard let number = version?.integer, number == Self.version else {
            let found = version?.integer.map { "\($0)" } ?? "none"
            throw .unsupported(
                file: file, feature: "version \(found) of the quantisation scheme '\(Self.scheme)' (\(Self.version) is)"
            )
        }
    }

    /// What a file's `__metadata__` says of its quantised tensors; empty where there are none.
    var metadata: [String: String] {
        guard !entries.isEmpty else { return [:] }
        let tensors = entries.sorted { $0.key < $1.key }.map { name, entry in
            JSON.Member(
                name,
                .members([
                    "format": .string(entry.format.description), "shape": .array(entry.shape.map(JSON.integer)),
                ]))
        }
        let document = JSON.members([
            "scheme": .string(Self.scheme), "version": .integer(Self.version), "tensors": .object(tensors),
        ])
        return [Self.key: document.text()]
    }

    /// The tensors of a file as what they stand for.
    ///
    /// - Throws: ``CheckpointError/malformed(file:reason:)`` for rows that are missing, not bytes or of another size.
    func applied(to tensors: [CheckpointTensor], file: String) throws(CheckpointError) -> [CheckpointTensor] {
        guard !entries.isEmpty else { return tensors }
        var left = entries
        var result: [CheckpointTensor] = []
        for tensor in tensors {
            guard let entry = left.removeValue(forKey: tensor.name) else {
                result.append(tensor)
                continue
            }
            guard let quantized = tensor.quantized(entry.format, shape: entry.shape) else {
                throw .malformed(
                    file: file,
                    reason: "tensor '\(tensor.name)' is \(tensor.elementType) of shape \(tensor.shape); "
                        + "\(entry.format) rows of a matrix of shape \(entry.shape) are u8 of shape \(entry.storedShape)"
                )
            }
            result.append(quantized)
        }
        if let name = left.keys.min() { throw .missing(file: file, name: name) }
        return result
    }
}
