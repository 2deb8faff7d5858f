/// Decodes tokens as they come, in whole characters.
///
/// All that is returned, put together, is what ``BytePairTokenizer/decode(_:includingSpecial:)`` makes of all ids.
package struct StreamDecoder: Sendable {
    private let tokenizer: BytePairTokenizer
    private let includingSpecial: Bool
    /// The bytes of a character that is not complete yet.
    private var pending: [UInt8] = []

    init(_ tokenizer: BytePairTokenizer, includingSpecial: Bool) {
        self.tokenizer = tokenizer
        self.includingSpecial = includingSpecial
    }

    /// The text that the token with `id` completes; empty while a character lacks bytes.
    package mutating func append(_ id: UInt32) -> String {
        guard includingSpecial || !tokenizer.isSpecial(id), let bytes = tokenizer.bytes(of: id) else { return "" }
        pending += bytes
        let end = pending.count - Self.unfinished(pending)
        let text = String(decoding: pending[..<end], as: UTF8.self)
        pending.removeFirst(end)
        return text
    }

    /// What is left at the end: U+FFFD if a character was begun and not completed.
    package mutating func finish() -> String {
        defer { pending.removeAll() }
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end of `bytes` begin a character that further bytes could complete.
    ///
    /// Only then may they wait: bytes that nothing can complete are replaced at once, and those after them stand on
    /// their own (The Unicode Standard, table 3-7).
    private static func unfinished(_ bytes: [UInt8]) -> Int {
        for count in 1...3 where count <= bytes.count {
            let lead = bytes[bytes.count - count]
            if lead & 0xC0 == 0x80 { continue }
            guard let length = length(lead), length > count else { return 0 }
            guard count > 1 else { return 1 }
            return secondBytes(after: lead).contains(bytes[bytes.count - count + 1]) ? count : 0
        }
        return 0
    }

    /// Length of the characters that begin with `byte`; nil if none of several bytes does.
    private static func length(_ byte: UInt8) -> Int? {
        switch byte {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: nil
        }
    }

    private static func secondBytes(after lead: UInt8) -> ClosedRange<UInt8> {
        switch lead {
        case 0xE0: 0xA0...0xBF
        case 0xED: 0x80...0x9F
        case 0xF0: 0x90...0xBF
        case 0xF4: 0x80...0x8F
        default: 0x80...0xBF
        }
    }
}
