/// A value of a `tokenizer.json`. Members keep their order, and names that occur twice stay visible.
enum TokenizerJSON: Sendable {
    case null
    case bool(Bool)
    /// A number without fraction or exponent that fits.
    case integer(Int)
    case number(Double)
    case string(String)
    case array([TokenizerJSON])
    case object([Member])

    struct Member: Sendable {
        let name: String
        let value: TokenizerJSON
    }
}

/// A value with its place, for messages.
struct TokenizerField {
    let value: TokenizerJSON
    /// Names from the root, separated by dots.
    let path: String
    let file: String

    /// The member called `name` of an object; nil for `null` and when absent.
    func member(_ name: String) throws(TokenizerError) -> TokenizerField? {
        guard case .object(let members) = value else { throw mustBe("an object") }
        let found = members.filter { $0.name == name }
        let place = path.isEmpty ? name : "\(path).\(name)"
        guard found.count < 2 else { throw .field(file: file, path: place, expected: "there only once") }
        guard let value = found.first?.value else { return nil }
        if case .null = value { return nil }
        return TokenizerField(value: value, path: place, file: file)
    }

    func required(_ name: String, _ kind: String) throws(TokenizerError) -> TokenizerField {
        guard let field = try member(name) else {
            throw .field(file: file, path: path.isEmpty ? name : "\(path).\(name)", expected: kind)
        }
        return field
    }

    /// The string called `name`, which must be there.
    func string(_ name: String) throws(TokenizerError) -> String { try required(name, "a string").string() }

    /// The truth value called `name`, or `standard` when absent.
    func bool(_ name: String, default standard: Bool) throws(TokenizerError) -> Bool {
        guard let field = try member(name) else { return standard }
        guard case .bool(let value) = field.value else { throw field.mustBe("true or false") }
        return value
    }

    func string() throws(TokenizerError) -> String {
        guard case .string(let value) = value else { throw mustBe("a string") }
        return value
    }

    func integer() throws(TokenizerError) -> Int {
        guard case .integer(let value) = value else { throw mustBe("a whole number") }
        return value
    }

    func number() throws(TokenizerError) -> Double {
        switch value {
        case .integer(let value): return Double(value)
        case .number(let value): return value
        default: throw mustBe("a number")
        }
    }

    func elements() throws(TokenizerError) -> [TokenizerField] {
        guard case .array(let values) = value else { throw mustBe("an array") }
        return values.enumerated().map { TokenizerField(value: $1, path: "\(path)[\($0)]", file: file) }
    }

    func mustBe(_ expected: String) -> TokenizerError { .field(file: file, path: path, expected: expected) }
}
