/// Names of files, which are bytes to the system, carried in strings.
///
/// A name may hold any byte but 0, and need not be text; a `String` holds text and nothing else. So a byte that is no part
/// of valid UTF-8 is carried as one of the scalars U+10FF80 to U+10FFFF, which stand for the bytes 0x80 to 0xFF. They are
/// the last of a private plane; a name in which they really occur is carried byte by byte too, so that no two names have
/// the same text. Whoever opens, lists or makes files turns the text back into bytes (``withBytes(_:_:)``), and whoever
/// prints it shows replacement marks in place of what is no text (``shown(_:)``). Between the two such names are strings
/// like others.
package enum FileName {
    private static let firstCarrier: UInt32 = 0x10FF80 - 0x80

    /// The text that carries `bytes`.
    package static func text(_ bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        if let text = String(validating: bytes, as: UTF8.self), !isCarrying(text) { return text }
        var text = String.UnicodeScalarView()
        var parser = Unicode.UTF8.ForwardParser()
        var iterator = bytes.makeIterator()
        var position = 0
        func carry(_ count: Int) {
            for byte in bytes[position..<position + count] {
                Unicode.Scalar(firstCarrier + UInt32(byte)).map { text.append($0) }
            }
        }
        while true {
            switch parser.parseScalar(from: &iterator) {
            case .emptyInput: return String(text)
            case .error(let length):
                carry(length)
                position += length
            case .valid(let encoded):
                let scalar = Unicode.UTF8.decode(encoded)
                if isCarrier(scalar) { carry(encoded.count) } else { text.append(scalar) }
                position += encoded.count
            }
        }
    }

    /// The bytes that `text` carries.
    package static func bytes(_ text: String) -> [UInt8] {
        guard isCarrying(text) else { return Array(text.utf8) }
        var bytes: [UInt8] = []
        for scalar in text.unicodeScalars {
            if isCarrier(scalar) {
                bytes.append(UInt8(truncatingIfNeeded: scalar.value - firstCarrier))
            } else {
                bytes += UTF8.encode(scalar).map(Array.init) ?? []
            }
        }
        return bytes
    }

    /// Calls `body` with the bytes that `text` carries and a 0 behind them, as the system takes names.
    package static func withBytes<Result>(
        _ text: String, _ body: (UnsafePointer<CChar>) throws -> Result
    ) rethrows -> Result {
        guard isCarrying(text) else { return try text.withCString(body) }
        let bytes = bytes(text).map { CChar(bitPattern: $0) } + [0]
        return try bytes.withUnsafeBufferPointer { try body($0.baseAddress!) }
    }

    /// The name for people and for JSON: what is no text becomes U+FFFD.
    package static func shown(_ text: String) -> String {
        guard isCarrying(text) else { return text }
        return text.unicodeScalars.reduce(into: "") { shown, scalar in
            shown.unicodeScalars.append(isCarrier(scalar) ? "\u{FFFD}" : scalar)
        }
    }

    /// Whether `text` is text all through, with no byte that is none.
    package static func isText(_ text: String) -> Bool {
        String(validating: bytes(text), as: UTF8.self) != nil
    }

    /// What is meant by an argument that is no name but text: the same, unless it holds scalars that carry.
    ///
    /// - Returns: nil where it is not UTF-8.
    package static func literal(_ text: String) -> String? {
        isCarrying(text) ? String(validating: bytes(text), as: UTF8.self) : text
    }

    private static func isCarrier(_ scalar: Unicode.Scalar) -> Bool { scalar.value >= firstCarrier + 0x80 }

    private static func isCarrying(_ text: String) -> Bool {
        // All of them begin with this byte in UTF-8, and hardly anything else does.
        text.utf8.contains(0xF4) && text.unicodeScalars.contains(where: isCarrier)
    }
}

/// Parts of paths, by bytes: a `/` with a combining mark behind it is one character of a string, and still a `/`.
extension FileName {
    /// The last name of a path.
    package static func last(_ path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return path }
        return String(path[path.utf8.index(after: slash)...])
    }

    /// The folder that a path's last name is in: `.` where the path is one name, `/` at the root.
    package static func folder(_ path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// What is behind the last point of the last name, in small letters; empty without one, or where it begins the name.
    package static func suffix(_ path: String) -> String {
        let name = last(path)
        guard let point = name.utf8.lastIndex(of: UInt8(ascii: ".")), point != name.startIndex else { return "" }
        return name[name.utf8.index(after: point)...].lowercased()
    }

    /// The last name without what is behind its last point, and without the point.
    package static func stem(_ path: String) -> String {
        let name = last(path)
        guard let point = name.utf8.lastIndex(of: UInt8(ascii: ".")), point != name.startIndex else { return name }
        return String(name[..<point])
    }

    /// A name in a folder.
    package static func joined(_ folder: String, _ name: String) -> String {
        folder.isEmpty || folder.utf8.last == UInt8(ascii: "/") ? folder + name : "\(folder)/\(name)"
    }
}

/// Names in addresses.
extension FileName {
    /// The name that a part of an address stands for.
    package static func text(percentDecoding part: some StringProtocol) -> String {
        var bytes: [UInt8] = []
        var rest = Array(part.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let high = rest.first.flatMap(digit),
                let low = rest.dropFirst().first.flatMap(digit)
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return text(bytes)
    }

    /// A path as a part of an address.
    package static func percentEncoded(_ path: String) -> String {
        bytes(path).reduce(into: "") { part, byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "/"), UInt8(ascii: "."), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                part.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                part += digits.count == 1 ? "%0\(digits)" : "%\(digits)"
            }
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(Unicode.Scalar(byte)).hexDigitValue.map { UInt8($0) }
    }
}
