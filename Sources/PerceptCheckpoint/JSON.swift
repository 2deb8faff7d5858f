/// A JSON value that keeps the order of its members.
///
/// Written here because a checkpoint's header must be refused when a name occurs twice, which Foundation's parser
/// hides, and because a fault is reported with its place in the file.
package indirect enum JSON: Sendable, Hashable {
    case null
    case bool(Bool)
    /// A number without fraction or exponent that fits.
    case integer(Int)
    case number(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    package struct Member: Sendable, Hashable {
        package let name: String
        package let value: JSON
    }

    /// Parses one document.
    ///
    /// - Throws: ``CheckpointError/malformed(file:reason:)`` with the byte at which the text stops being JSON.
    package init(_ bytes: UnsafeRawBufferPointer, file: String) throws(CheckpointError) {
        var parser = JSONParser(bytes: bytes, file: file)
        self = try parser.document()
    }

    /// Parses the file at `path`.
    package init(contentsOf path: String) throws(CheckpointError) {
        let file = try MappedFile(path: path)
        try self.init(file.bytes, file: path)
    }

    /// The member called `name` of an object; nil for `null`, when absent, and when this is no object.
    package subscript(name: String) -> JSON? {
        guard case .object(let members) = self, let value = members.first(where: { $0.name == name })?.value,
            value != .null
        else { return nil }
        return value
    }

    package var integer: Int? {
        switch self {
        case .integer(let value): value
        // Some exporters write sizes as 224.0.
        case .number(let value): Int(exactly: value)
        default: nil
        }
    }

    package var number: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    package var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
    package var members: [Member]? { if case .object(let value) = self { value } else { nil } }
}
