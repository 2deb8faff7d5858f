/// The characters that stand for bytes in byte-level vocabularies, so that every symbol is printable text without
/// spaces (GPT-2: encoder.py, `bytes_to_unicode`).
enum ByteAlphabet {
    /// Printable Latin-1 characters for themselves, then the other bytes as U+0100, U+0101, ...
    static let characters: [(byte: UInt8, symbol: Unicode.Scalar)] = {
        let printable = [0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF].flatMap { (range: ClosedRange<UInt8>) in Array(range) }
        let others = (UInt8.min...UInt8.max).filter { !printable.contains($0) }
        return printable.map { ($0, Unicode.Scalar($0)) }
            + zip(others, (0x100 as UInt32)...).compactMap { byte, value in
                Unicode.Scalar(value).map { (byte, $0) }
            }
    }()

    /// By the value of the character.
    private static let bytes: [UInt8?] = {
        var bytes = [UInt8?](repeating: nil, count: 0x100 + 256)
        for (byte, symbol) in characters { bytes[Int(symbol.value)] = byte }
        return bytes
    }()

    /// Appends the bytes that the characters of `symbol` stand for.
    ///
    /// - Returns: False if a character stands for none; what was appended is then of no use.
    static func append(bytesOf symbol: some StringProtocol, to result: inout [UInt8]) -> Bool {
        for scalar in symbol.unicodeScalars {
            guard scalar.value < bytes.count, let byte = bytes[Int(scalar.value)] else { return false }
            result.append(byte)
        }
        return true
    }
}
