/// Recursive descent over RFC 8259, bounded in depth and in the number of values.
struct JSONParser {
    private static let mostDepth = 64

    private let bytes: UnsafeRawBufferPointer
    private let mostValues: Int
    private let refusesRepeatedNames: Bool
    private let acceptsPythonsJSON: Bool
    private var position = 0
    private var values = 0

    init(
        _ bytes: UnsafeRawBufferPointer, mostValues: Int, refusesRepeatedNames: Bool, acceptsPythonsJSON: Bool
    ) {
        self.bytes = bytes
        self.acceptsPythonsJSON = acceptsPythonsJSON
        self.mostValues = mostValues
        self.refusesRepeatedNames = refusesRepeatedNames
    }

    mutating func document() throws(JSONError) -> JSON {
        if acceptsPythonsJSON, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw fault("there is more after the end") }
        return value
    }

    private func fault(_ reason: String) -> JSONError { JSONError(byte: position, reason: reason) }

    private mutating func skipSpace() {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x0A, 0x0D, 0x09: position += 1
            default: return
            }
        }
    }

    /// The next byte that is not white space, not consumed.
    private mutating func peek() throws(JSONError) -> UInt8 {
        skipSpace()
        guard position < bytes.count else { throw fault("the text ends early") }
        if "/#".utf8.contains(bytes[position]) { throw fault("a comment, which JSON does not have") }
        return bytes[position]
    }

    /// Consumes `character` if it is the next that is not white space.
    private mutating func take(_ character: Unicode.Scalar) throws(JSONError) -> Bool {
        guard try peek() == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSON {
        guard depth < Self.mostDepth else { throw fault("nested more than \(Self.mostDepth) deep") }
        values += 1
        guard values <= mostValues else { throw fault("more than \(mostValues) values") }
        switch try peek() {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "N") where acceptsPythonsJSON: return try word("NaN", .number(.nan))
        case UInt8(ascii: "I") where acceptsPythonsJSON: return try word("Infinity", .number(.infinity))
        case UInt8(ascii: "-") where acceptsPythonsJSON && bytes[position...].starts(with: "-I".utf8):
            return try word("-Infinity", .number(-.infinity))
        default: return try number()
        }
    }

    private mutating func word(
        _ word: String, _ value: JSON
    ) throws(JSONError) -> JSON {
        guard bytes[position...].starts(with: word.utf8) else { throw fault("expected '\(word)'") }
        position += word.utf8.count
        return value
    }

    private mutating func array(depth: Int) throws(JSONError) -> JSON {
        position += 1
        var elements: [JSON] = []
        if try take("]") { return .array(elements) }
        while true {
            elements.append(try value(depth: depth + 1))
            if try take("]") { return .array(elements) }
            guard try take(",") else { throw fault("expected ',' or ']'") }
        }
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSON {
        position += 1
        var members: [JSON.Member] = []
        var names: Set<String> = []
        if try take("}") { return .object(members) }
        while true {
            guard try peek() == UInt8(ascii: "\"") else { throw fault("expected a name") }
            let name = try string()
            if refusesRepeatedNames, !names.insert(name).inserted { throw fault("the name '\(name)' occurs twice") }
            guard try take(":") else { throw fault("expected ':'") }
            members.append(JSON.Member(name: name, value: try value(depth: depth + 1)))
            if try take("}") { return .object(members) }
            guard try take(",") else { throw fault("expected ',' or '}'") }
        }
    }

    private mutating func number() throws(JSONError) -> JSON {
        let start = position
        while position < bytes.count, Self.isPartOfNumber(bytes[position]) { position += 1 }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        guard Self.isNumber(text.utf8) else {
            position = start
            throw fault("expected a value")
        }
        if let integer = Int(text) { return .integer(integer) }
        guard let number = Double(text), number.isFinite else {
            position = start
            throw fault("'\(text.prefix(40))' is not a number")
        }
        return .number(number)
    }

    /// Whether `text` ends with a digit and begins like a number; the rest is left to the standard library.
    private static func isNumber(_ text: String.UTF8View) -> Bool {
        let digits = text.first == UInt8(ascii: "-") ? text.dropFirst() : text[...]
        guard let first = digits.first, isDigit(first), digits.last.map(isDigit) == true else { return false }
        return first != UInt8(ascii: "0") || digits.dropFirst().first.map(isDigit) != true
    }

    private static func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private static func isPartOfNumber(_ byte: UInt8) -> Bool { isDigit(byte) || "+-.eE".utf8.contains(byte) }

    private mutating func string() throws(JSONError) -> String {
        position += 1
        var start = position
        // What came before the last escape sequence.
        var text: [UInt8] = []
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let rest = bytes[start..<position]
                let string =
                    text.isEmpty
                    ? String(validating: rest, as: UTF8.self) : String(validating: text + rest, as: UTF8.self)
                guard let string else { throw fault("the string before is not UTF-8") }
                position += 1
                return string
            case UInt8(ascii: "\\"):
                text += bytes[start..<position]
                position += 1
                try appendEscape(to: &text)
                start = position
            case 0..<0x20:
                throw fault("a control character inside a string")
            default:
                position += 1
            }
        }
        throw fault("the text ends inside a string")
    }

    /// Reads the escape sequence whose backslash was just passed.
    private mutating func appendEscape(to text: inout [UInt8]) throws(JSONError) {
        guard position < bytes.count else { throw fault("the text ends inside a string") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "u"): text += String(Character(try escapedScalar())).utf8
        default: throw fault("an unknown escape")
        }
    }

    private mutating func escapedScalar() throws(JSONError) -> Unicode.Scalar {
        var code = try hexadecimal()
        if 0xD800..<0xDC00 ~= code {
            guard bytes[position...].starts(with: "\\u".utf8) else { throw fault("half a surrogate pair") }
            position += 2
            let low = try hexadecimal()
            guard 0xDC00..<0xE000 ~= low else { throw fault("half a surrogate pair") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw fault("half a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(JSONError) -> UInt32 {
        guard bytes.count - position >= 4 else { throw fault("the text ends inside a string") }
        var value: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw fault("expected four hexadecimal digits")
            }
            value = value << 4 | UInt32(digit)
        }
        position += 4
        return value
    }
}
