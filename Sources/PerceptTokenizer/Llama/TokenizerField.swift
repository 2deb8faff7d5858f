import PerceptJSON

/// A value with its place, for messages.
struct TokenizerField {
    let value: JSON
    /// Names from the root, separated by dots.
    let path: String
    let file: String

    /// Bounds what a hostile file can allocate: the file of Llama 3 holds a million.
    private static let mostValues = 4_000_000

    private init(value: JSON, path: String, file: String) {
        self.value = value
        self.path = path
        self.file = file
    }

    /// The root of a file. A vocabulary's names differ byte by byte, so that names that are one as texts may both be there.
    init(_ bytes: [UInt8], file: String) throws(TokenizerError) {
        let parsed = bytes.withUnsafeBytes { bytes in
            Result { () throws(JSONError) in
                try JSON(
                    parsing: bytes, mostValues: Self.mostValues, refusesRepeatedNames: false, acceptsPythonsJSON: true)
            }
        }
        switch parsed {
        case .success(let value):
            if let error = value.serverError { throw .foreign(file: file, what: error) }
            self.init(value: value, path: "", file: file)
        case .failure(let error): throw .notJSON(file: file, byte: error.byte, reason: error.reason)
        }
    }

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
