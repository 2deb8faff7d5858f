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

    /// Parses the file at `path`.
    package init(contentsOf path: String) throws(CheckpointError) {
        let file = try MappedFile(path: path)
        try self.init(file.bytes, file: path)
    }
}
