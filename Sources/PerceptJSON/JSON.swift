/// A JSON value that keeps the order of its members.
///
/// Written here because Foundation's parser hides a name that occurs twice, does not say at which byte a file stops being
/// JSON, and takes seconds over the million values of a large tokenizer.
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
    /// - Parameters:
    ///   - mostValues: bounds what a hostile file can allocate.
    ///   - refusesRepeatedNames: whether an object may not have two members of one name, which are compared as texts: names
    ///     that differ in their bytes alone are one.
    ///   - acceptsPythonsJSON: whether numbers may be `NaN`, `Infinity` and `-Infinity`, which Python writes, and whether a
    ///     byte order mark may come first.
    /// - Throws: ``JSONError`` with the byte at which the text stops being JSON.
    package init(
        parsing bytes: UnsafeRawBufferPointer, mostValues: Int, refusesRepeatedNames: Bool,
        acceptsPythonsJSON: Bool = false
    ) throws(JSONError) {
        var parser = JSONParser(
            bytes, mostValues: mostValues, refusesRepeatedNames: refusesRepeatedNames,
            acceptsPythonsJSON: acceptsPythonsJSON)
        self = try parser.document()
    }

    /// Bounds what a hostile document can allocate: real headers of checkpoints hold some ten thousand values.
    private static let mostValues = 2_000_000

    /// Parses one document of strangers, in which no object has two members of one name.
    ///
    /// - Parameter acceptsPythonsJSON: as of the other initialiser.
    /// - Throws: ``JSONError`` with the byte at which the text stops being JSON.
    package init(document bytes: UnsafeRawBufferPointer, acceptsPythonsJSON: Bool = false) throws(JSONError) {
        try self.init(
            parsing: bytes, mostValues: Self.mostValues, refusesRepeatedNames: true,
            acceptsPythonsJSON: acceptsPythonsJSON)
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

/// Where a text stops being JSON, or more than is read.
package struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
    package let byte: Int
    package let reason: String

    package var description: String { "not valid JSON at byte \(byte): \(reason)" }
}
