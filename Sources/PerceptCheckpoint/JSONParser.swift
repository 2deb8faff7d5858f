/// Recursive descent over RFC 8259, bounded in depth and in the number of values.
struct JSONParser {
    /// Bounds what a hostile header can allocate: real ones hold some ten thousand values.
    private static let mostValues = 2_000_000
    private static let mostDepth = 64

    let bytes: UnsafeRawBufferPointer
    let file: String
    private var position = 0
    private var values = 0

    init(bytes: UnsafeRawBufferPointer, file: String) {
        self.bytes = bytes
        self.file = file
    }

    mutating func document() throws(CheckpointError) -> JSON {
        let value = try value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw fault("there is more after the end") }
        return value
    }

    private func fault(_ what: String) -> CheckpointError {
        .malformed(file: file, reason: "not valid JSON at byte \(position): \(what)")
    }

    private mutating func skipSpace() {
        while position < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[position]) { position += 1 }
    }

    /// The next byte that is not white space, not consumed.
    private mutating func peek() throws(CheckpointError) -> UInt8 {
        skipSpace()
        guard position < bytes.count else { throw fault("the text ends early") }
        return bytes[position]
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(CheckpointError) {
        guard try peek() == UInt8(ascii: character) else { throw fault("expected '\(character)'") }
        position += 1
    }

    private mutating func value(depth: Int) throws(CheckpointError) -> JSON {
        guard depth < Self.mostDepth else { throw fault("nested more than \(Self.mostDepth) deep") }
        values += 1
        guard values <= Self.mostValues else { throw fault("more than \(Self.mostValues) values") }
        switch try peek() {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func word(_ word: String, _ value: JSON) throws(CheckpointError) -> JSON {
        guard bytes[position...].starts(with: word.utf8) else { throw fault("expected '\(word)'") }
        position += word.utf8.count
        return value
    }

    private mutating func array(depth: Int) throws(CheckpointError) -> JSON {
        try expect("[")
        var elements: [JSON] = []
        if try peek() == UInt8(ascii: "]") {
            position += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth + 1))
            if try peek() == UInt8(ascii: "]") { break }
            try expect(",")
        }
        position += 1
        return .array(elements)
    }

    private mutating func object(depth: Int) throws(CheckpointError) -> JSON {
        try expect("{")
        var members: [JSON.Member] = []
        var names: Set<String> = []
        if try peek() == UInt8(ascii: "}") {
            position += 1
            return .object(members)
        }
        while true {
            guard try peek() == UInt8(ascii: "\"") else { throw fault("expected a name") }
            let name = try string()
            guard names.insert(name).inserted else { throw fault("the name '\(name)' occurs twice") }
            try expect(":")
            members.append(JSON.Member(name: name, value: try value(depth: depth + 1)))
            if try peek() == UInt8(ascii: "}") { break }
            try expect(",")
        }
        position += 1
        return .object(members)
    }

    private mutating func number() throws(CheckpointError) -> JSON {
        let start = position
        let allowed = UInt8(ascii: "0")...UInt8(ascii: "9")
        while position < bytes.count, allowed.contains(bytes[position]) || "+-.eE".utf8.contains(bytes[position]) {
            position += 1
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        let digits = text.first == "-" ? text.dropFirst() : text[...]
        let leadingZero = digits.count > 1 && digits.first == "0" && digits.dropFirst().first?.isNumber == true
        guard let first = digits.first, first.isNumber, digits.last != ".", !leadingZero else {
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

    private mutating func string() throws(CheckpointError) -> String {
        position += 1
        var text: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            switch byte {
            case UInt8(ascii: "\""):
                position += 1
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw fault("the string before is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"):
                position += 1
                text.append(contentsOf: try escape())
            case 0..<0x20:
                throw fault("a control character inside a string")
            default:
                text.append(byte)
                position += 1
            }
        }
        throw fault("the text ends inside a string")
    }

    /// The UTF-8 of the escape sequence whose backslash was just passed.
    private mutating func escape() throws(CheckpointError) -> [UInt8] {
        guard position < bytes.count else { throw fault("the text ends inside a string") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "u"): break
        default: throw fault("an unknown escape")
        }
        var code = UInt32(try hexadecimal())
        if 0xD800..<0xDC00 ~= code {
            guard bytes[position...].starts(with: "\\u".utf8) else { throw fault("half a surrogate pair") }
            position += 2
            let low = UInt32(try hexadecimal())
            guard 0xDC00..<0xE000 ~= low else { throw fault("half a surrogate pair") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw fault("half a surrogate pair") }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func hexadecimal() throws(CheckpointError) -> UInt16 {
        guard bytes.count - position >= 4 else { throw fault("the text ends inside a string") }
        let digits = bytes[position..<position + 4]
        guard digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let value = UInt16(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw fault("expected four hexadecimal digits") }
        position += 4
        return value
    }
}
