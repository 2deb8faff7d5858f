import CPerceptMedia

extension StillImage {
    /// Walks the markers from the start of image to its end (ITU-T T.81 annex B), over any embedded thumbnail.
    ///
    /// What is decoded is a JPEG of the same picture without remarks: FFmpeg's decoder refuses a damaged one, and obeys
    /// some that no other reader knows of.
    ///
    /// - Parameter components: what the components are where the file around the JPEG says so.
    static func parseJPEG(
        _ reader: ByteReader, components: Components?? = nil
    ) throws(MediaError.Fault) -> StillImage {
        var notes: [String] = []
        var bytes = reader.bytes
        switch reader.bytes.withUnsafeBufferPointer({ JPEGRepair.repair($0) }) {
        case .whole: break
        case .broken(let reason): throw .corrupt(reason)
        case .mended(let mended, let skipped):
            bytes = mended
            notes.append("\(skipped) stray \(skipped == 1 ? "byte was" : "bytes were") skipped")
        }
        var jpeg = JPEGSegments(ByteReader(bytes: bytes), components)
        try jpeg.read()
        guard let frame = jpeg.frame else { throw .corrupt("a JPEG without a picture") }
        var image = StillImage(
            codec: AV_CODEC_ID_MJPEG, bytes: jpeg.bytes(), width: frame.width, height: frame.height)
        image.components = jpeg.coding
        // Progressive ones are kept as coefficients of 16 bits.
        image.bytesPerPixel = frame.components * (frame.isProgressive ? 3 : 1) + (jpeg.coding == nil ? 0 : 5)
        image.notes = notes
        image.take(jpeg.orientation)
        return image
    }
}

/// A JPEG's segments, and what they say about the picture.
private struct JPEGSegments {
    struct Frame {
        var width: Int
        var height: Int
        var components: Int
        var isProgressive: Bool
        /// Blocks of 8 x 8 of the largest component.
        var blocks: Int { (width + 7) / 8 * ((height + 7) / 8) }
    }

    /// Blocks that all scans of a picture may go through: libjpeg takes its time for a file of thousands of scans, which
    /// nobody writes but to keep readers busy.
    private static let mostCodedBlocks = 1 << 28

    let reader: ByteReader
    var frame: Frame?
    var orientation = OrientationRemark()
    /// What FFmpeg needs: frame headers, tables and scans with their data.
    private var kept: [Range<Int>] = []
    private var adobeTransform: Int?
    private var isJFIF = false
    /// Where the components are named: in the frame header, then in the scan headers.
    private var componentNames: [Int] = []
    private var samplings: [Int] = []
    private var quantizations: [Int] = []
    private var definedQuantizations: Set<Int> = []
    private var scans = 0
    private let statedCoding: StillImage.Components??

    init(_ reader: ByteReader, _ coding: StillImage.Components??) {
        self.reader = reader
        statedCoding = coding
    }

    mutating func read() throws(MediaError.Fault) {
        let bytes = reader.bytes
        var offset = 2
        while true {
            while try reader.byte(offset) == 0xFF, try reader.byte(offset + 1) == 0xFF { offset += 1 }
            guard try reader.byte(offset) == 0xFF else { throw .corrupt("no JPEG marker at byte \(offset)") }
            let start = offset
            let marker = try reader.byte(offset + 1)
            offset += 2
            switch marker {
            case 0xD9:
                kept.append(start..<offset)
                return
            case 0x01, 0xD0...0xD8: continue
            default: break
            }
            let end = offset + (try reader.uint16(offset))
            guard end >= offset + 2 else { throw .corrupt("a JPEG segment of \(end - offset) bytes") }
            try reader.require(offset..<end)
            switch marker {
            case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
                try readFrame(marker, offset..<end)
                kept.append(start..<end)
            case 0xDB:
                readQuantizations(offset + 2..<end)
                kept.append(start..<end)
            case 0xC4, 0xDD: kept.append(start..<end)
            case 0xDA:
                try readScan(offset..<end)
                offset = try endOfScan(from: end)
                kept.append(start..<offset)
                continue
            case 0xE0 where reader.has("JFIF\0", at: offset + 2): isJFIF = true
            case 0xE1 where reader.has("Exif\0", at: offset + 2):
                orientation.readExif(Array(bytes[(offset + 2)..<end]))
            case 0xE1 where reader.has("http://ns.adobe.com/xap/1.0/\0", at: offset + 2):
                orientation.readXMP(bytes[(offset + 2)..<end])
            case 0xEE where reader.has("Adobe", at: offset + 2) && end >= offset + 14:
                adobeTransform = try reader.byte(offset + 13)
            case 0xF7: throw .unsupported("JPEG-LS")
            default: break
            }
            offset = end
        }
    }

    private mutating func readFrame(_ marker: Int, _ range: Range<Int>) throws(MediaError.Fault) {
        let offset = range.lowerBound
        guard frame == nil else { throw .unsupported("hierarchical JPEG") }
        guard marker < 0xC9 else { throw .unsupported("JPEG with arithmetic coding") }
        guard marker < 0xC5 else { throw .unsupported("hierarchical JPEG") }
        let components = try reader.byte(offset + 7)
        guard range.count >= 8 + 3 * components else { throw .corrupt("a JPEG frame header that is too short") }
        frame = Frame(
            width: try reader.uint16(offset + 5), height: try reader.uint16(offset + 3), components: components,
            isProgressive: marker == 0xC2)
        guard frame?.height != 0 else { throw .unsupported("JPEG that states its height after the picture") }
        guard [1, 3, 4].contains(components) else { throw .unsupported("a JPEG of \(components) components") }
        if marker != 0xC3, try reader.byte(offset + 2) != 8 {
            throw .unsupported("a JPEG of \(try reader.byte(offset + 2)) bits")
        }
        for entry in stride(from: offset + 8, to: offset + 8 + 3 * components, by: 3) {
            componentNames.append(entry)
            samplings.append(try reader.byte(entry + 1))
            // Lossless pictures have none.
            if marker != 0xC3 { quantizations.append(try reader.byte(entry + 2)) }
        }
    }

    private mutating func readQuantizations(_ range: Range<Int>) {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let kind = reader.bytes[offset]
            definedQuantizations.insert(Int(kind & 15))
            offset += kind >> 4 == 0 ? 65 : 129
        }
    }

    private mutating func readScan(_ range: Range<Int>) throws(MediaError.Fault) {
        guard let frame else { throw .corrupt("a JPEG whose scan comes before its frame header") }
        guard quantizations.allSatisfy(definedQuantizations.contains) else {
            throw .corrupt("a JPEG without the quantization table that it names")
        }
        componentNames += stride(from: range.lowerBound + 3, to: range.upperBound - 3, by: 2)
        scans += 1
        guard scans <= 16 || scans * frame.blocks <= Self.mostCodedBlocks else {
            throw .unsupported("a JPEG of that many pixels in more than \(scans - 1) scans")
        }
    }

    /// The next marker after entropy-coded data, in which 0xFF is followed by 0 or a restart marker.
    private func endOfScan(from start: Int) throws(MediaError.Fault) -> Int {
        let found = reader.bytes.withUnsafeBufferPointer { bytes -> Int? in
            var offset = start
            while offset + 1 < bytes.count {
                if bytes[offset] == 0xFF, bytes[offset + 1] != 0, bytes[offset + 1] & 0xF8 != 0xD0,
                    bytes[offset + 1] != 0xFF
                {
                    return offset
                }
                offset += 1
            }
            return nil
        }
        guard let found else { throw .corrupt("the JPEG ends early, within its picture") }
        return found
    }

    /// How the components become RGB, as libjpeg guesses it (libjpeg: jdapimin.c); nil for grey and Y'CbCr.
    var coding: StillImage.Components? {
        if let statedCoding { return statedCoding }
        return switch frame?.components {
        case 3 where isRGB: .rgb
        case 4: adobeTransform ?? 0 == 0 ? .cmyk : .ycck
        default: nil
        }
    }

    private var isRGB: Bool {
        if isJFIF { return false }
        if let adobeTransform { return adobeTransform == 0 }
        return componentNames.prefix(3).map { reader.bytes[$0] } == Array("RGB".utf8)
    }

    /// The JPEG for FFmpeg.
    ///
    /// It mixes colours in its own way, going by Adobe's marker and by the components' names. Names 1, 2, 3, 4 and a
    /// marker that says Y'CbCr leave the samples as coded, and RGB is only known to it where no component is coarser.
    func bytes() -> [UInt8] {
        let names = componentNames.prefix(frame?.components ?? 0).map { reader.bytes[$0] }
        let isPlainRGB = coding == .rgb && samplings.allSatisfy { $0 == samplings[0] }
        var result: [UInt8] = [0xFF, 0xD8, 0xFF, 0xEE, 0, 14]
        result.reserveCapacity(reader.bytes.count + 16)
        result += Array("Adobe".utf8) + [0, 100, 0, 0, 0, 0, isPlainRGB ? 0 : 1]
        var named = componentNames[...]
        for range in kept {
            let shift = result.count - range.lowerBound
            result += reader.bytes[range]
            while let offset = named.first, range.contains(offset) {
                if let index = names.firstIndex(of: reader.bytes[offset]) { result[offset + shift] = UInt8(index + 1) }
                named.removeFirst()
            }
        }
        return result
    }
}
