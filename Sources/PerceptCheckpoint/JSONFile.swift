package import PerceptJSON

extension JSON {
    /// Bounds what a hostile header can allocate: real ones hold some ten thousand values.
    private static let mostValues = 2_000_000

    /// Parses one document, in which no object has two members of one name.
    ///
    /// - Throws: ``CheckpointError/malformed(file:reason:)`` with the byte at which the text stops being JSON.
    package init(_ bytes: UnsafeRawBufferPointer, file: String) throws(CheckpointError) {
        do { self = try JSON(parsing: bytes, mostValues: Self.mostValues, refusesRepeatedNames: true) } catch {
            throw .malformed(file: file, reason: error.description)
        }
    }

    /// Parses the file at `path`: a configuration, which people and Python write. A byte order mark may precede it, and
    /// numbers may be `NaN` and `Infinity`.
    ///
    /// - Throws: as the other, and for what lies there in the place of JSON.
    package init(contentsOf path: String) throws(CheckpointError) {
        let file = try MappedFile(path: path)
        // The mapping ends with the last mention of its object, not of its bytes.
        defer { withExtendedLifetime(file) {} }
        try self.init(configuration: file.bytes, file: path)
    }

    /// The same from bytes in memory.
    package init(configuration bytes: UnsafeRawBufferPointer, file path: String) throws(CheckpointError) {
        if let foreign = ForeignContent(bytes, expected: .text) {
            throw .malformed(file: path, reason: foreign.description)
        }
        do {
            self = try JSON(
                parsing: bytes, mostValues: Self.mostValues, refusesRepeatedNames: true, acceptsPythonsJSON: true)
        } catch { throw .malformed(file: path, reason: error.description) }
        if let error = serverError { throw .malformed(file: path, reason: error) }
    }
}
