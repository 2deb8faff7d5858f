package import PerceptJSON

extension JSON {
    /// Parses one document, in which no object has two members of one name.
    ///
    /// - Throws: ``CheckpointError/malformed(file:reason:)`` with the byte at which the text stops being JSON.
    package init(_ bytes: UnsafeRawBufferPointer, file: String) throws(CheckpointError) {
        do { self = try JSON(document: bytes) } catch {
            throw .malformed(file: file, reason: error.description)
        }
    }

    /// Parses the file at `path`: a configuration, which people and Python write. A byte order mark may precede it, and
    /// numbers may be `NaN` and `Infinity`.
    ///
    /// - Throws: ``CheckpointError`` where the file cannot be read, is no JSON, or something else lies in its place.
    package init(contentsOf path: String) throws(CheckpointError) {
        let file = try MappedFile(path: path)
        // The mapping ends with the last mention of its object, not of its bytes.
        defer { withExtendedLifetime(file) {} }
        try self.init(configuration: file.bytes, file: path)
    }

    /// Parses a configuration in memory, which errors call `file`.
    ///
    /// - Throws: ``CheckpointError/malformed(file:reason:)``, also for what lies in the place of JSON.
    package init(configuration bytes: UnsafeRawBufferPointer, file path: String) throws(CheckpointError) {
        if let foreign = ForeignContent(bytes, expected: .text) {
            throw .malformed(file: path, reason: foreign.description)
        }
        do { self = try JSON(document: bytes, acceptsPythonsJSON: true) } catch {
            throw .malformed(file: path, reason: error.description)
        }
        if let error = serverError { throw .malformed(file: path, reason: error) }
    }
}
