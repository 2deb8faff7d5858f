package import PerceptFiles
package import PerceptNumbers

/// Writes a `.safetensors` file whose tensors are made one after the other, a part at a time; it appears under its name
/// only when complete.
package struct SafetensorsStream: ~Copyable {
    /// A tensor to come.
    package struct Entry: Sendable, Hashable {
        package enum Content: Sendable, Hashable {
            case elements(ElementType)
            /// Quantised rows of a matrix; see ``QuantizationTable``.
            case rows(QuantizedFormat)
        }

        package let name: String
        package let content: Content
        /// Of the tensor, for quantised rows that of the matrix.
        package let shape: [Int]
        /// Of its data in the file.
        package let byteCount: Int

        /// - Parameter shape: of sides whose product fits; for quantised rows, of a matrix.
        package init(name: String, content: Content, shape: [Int]) {
            self.name = name
            self.content = content
            self.shape = shape
            byteCount =
                switch content {
                case .elements(let type): shape.reduce(type.size, *)
                case .rows(let format): shape[0] * format.rowByteCount(columns: shape[1])
                }
        }

        /// What places in memory its first byte has to be a multiple of.
        fileprivate var alignment: Int {
            switch content {
            case .elements(let type): type.size
            case .rows: 16
            }
        }

        fileprivate var header: SafetensorsHeader.Entry {
            switch content {
            case .elements(let type):
                SafetensorsHeader.Entry(name: name, type: type, shape: shape, byteCount: byteCount)
            case .rows(let format):
                SafetensorsHeader.Entry(
                    name: name, type: .u8, shape: QuantizationTable.Entry(format: format, shape: shape).storedShape,
                    byteCount: byteCount)
            }
        }
    }

    private var file: NewFile
    /// Bytes that ``write(_:)`` still has to be given.
    private var left: Int

    /// Whether it is a file, and no pipe or device.
    package var isFile: Bool { file.isFile }

    /// Tensors in the order in which their data has to follow: kernels read rows of 16 bytes' alignment and elements of
    /// their own size where they lie.
    package static func ordered(_ entries: [Entry]) -> [Entry] {
        entries.sorted { ($0.alignment, $1.name) > ($1.alignment, $0.name) }
    }

    /// Starts the file.
    ///
    /// - Parameters:
    ///   - entries: ``ordered(_:)``, with names that differ.
    ///   - metadata: text pairs of the header's `__metadata__`, beside what it says of quantised rows.
    /// - Throws: ``OutputError``.
    package init(to path: String, _ entries: [Entry], metadata: [String: String] = [:]) throws(OutputError) {
        var table = QuantizationTable()
        for entry in entries {
            if case .rows(let format) = entry.content {
                table.entries[entry.name] = QuantizationTable.Entry(format: format, shape: entry.shape)
            }
        }
        let file = try NewFile(path: path)
        try file.write(
            SafetensorsHeader.bytes(
                entries.map(\.header), metadata: metadata.merging(table.metadata) { _, own in own }))
        self.file = file
        left = entries.reduce(0) { $0 + $1.byteCount }
    }

    /// Appends a part of the tensors' data.
    package mutating func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
        precondition(bytes.count <= left, "more data than the header says")
        try file.write(bytes)
        left -= bytes.count
    }

    /// Appends a part of the tensors' data, of elements.
    package mutating func write(_ elements: [Float]) throws(OutputError) {
        precondition(4 * elements.count <= left, "more data than the header says")
        try file.write(elements)
        left -= 4 * elements.count
    }

    /// Gives the file its name.
    package mutating func commit() throws(OutputError) {
        precondition(left == 0, "\(left) bytes less than the header says")
        try file.commit()
    }
}
