import CPerceptMedia

extension StillImage {
    /// Reads the header of a picture of the portable family: two or three numbers as text, between remarks, or the lines
    /// of its latest kind.
    static func parsePNM(_ reader: ByteReader) throws(MediaError.Fault) -> StillImage {
        let kind = try reader.byte(1) - 0x30
        var words = PNMWords(reader.bytes.dropFirst(2))
        let codec = [
            AV_CODEC_ID_PBM, AV_CODEC_ID_PGM, AV_CODEC_ID_PPM, AV_CODEC_ID_PBM, AV_CODEC_ID_PGM, AV_CODEC_ID_PPM,
            AV_CODEC_ID_PAM,
        ][kind - 1]
        var image = StillImage(codec: codec, bytes: reader.bytes, width: 0, height: 0)
        image.isIndexed = kind == 1 || kind == 4
        guard kind == 7 else {
            guard let width = words.number(), let height = words.number() else {
                throw .corrupt("a PNM that states no size")
            }
            (image.width, image.height) = (width, height)
            return image
        }
        while let word = words.next(), word != "ENDHDR" {
            switch word {
            case "WIDTH": image.width = words.number() ?? 0
            case "HEIGHT": image.height = words.number() ?? 0
            case "TUPLTYPE":
                let type = words.next() ?? ""
                if type.hasSuffix("_ALPHA") { image.alpha = .straight }
                image.isIndexed = type == "BLACKANDWHITE"
            default: break
            }
        }
        return image
    }
}

/// The words of a header, without remarks; at most those of its first kilobytes.
private struct PNMWords {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes.prefix(4096) }

    mutating func next() -> String? {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
        while let first = rest.first {
            if first == UInt8(ascii: "#") {
                rest = rest.drop { $0 != 0x0A }
            } else if isSpace(first) {
                rest = rest.dropFirst()
            } else {
                let word = rest.prefix { !isSpace($0) && $0 != UInt8(ascii: "#") }
                rest = rest[word.endIndex...]
                return String(decoding: word, as: UTF8.self)
            }
        }
        return nil
    }

    mutating func number() -> Int? { next().flatMap(Int.init) }
}
