/// What a container says of its own length, compared with the file: recordings are interrupted and downloads cut short.
///
/// MP4 and QuickTime files (ISO/IEC 14496-12), Matroska and WebM (RFC 8794) and AVI state lengths; nothing can be said of
/// others, such as transport streams.
struct RecordingEnd {
    /// Why nothing of the file can be read.
    let refusal: MediaError.Fault?
    /// What is missing at the end, if anything.
    let note: String?
    /// Where the part of the file ends that can be read, if that is before its end.
    let limit: Int?

    init(_ source: ByteSource) {
        let start = ByteReader(bytes: source.bytes(at: 0, count: 64))
        var (refusal, note, limit): (MediaError.Fault?, String?, Int?) = (nil, nil, nil)
        if Boxes.starts.contains(where: { start.has($0, at: 4) }) {
            let boxes = Boxes(source)
            refusal = boxes.refusal
            note = boxes.note
            limit = boxes.limit
        } else if let stated = Self.matroska(start) ?? Self.riff(start), stated > source.size {
            note = "the file ends early: \(source.size) of \(stated) bytes are there"
        }
        self.refusal = refusal
        self.note = note
        self.limit = limit
    }

    /// Bytes up to the end of the segment, where that is known.
    private static func matroska(_ reader: ByteReader) -> Int? {
        guard reader.bytes.starts(with: [0x1A, 0x45, 0xDF, 0xA3]), let header = length(reader, 4) else { return nil }
        let (segment, overflow) = header.end.addingReportingOverflow(header.value)
        guard !overflow, segment < reader.bytes.count, reader.bytes[segment...].starts(with: [0x18, 0x53, 0x80, 0x67]),
            let body = length(reader, segment + 4)
        else { return nil }
        // All ones mean that it is not known: a recording that was never finished, or a broadcast.
        guard body.value < 1 << 56 - 1 else { return nil }
        return body.end + body.value
    }

    /// A number of one to eight bytes, as many as zero bits lead it.
    private static func length(_ reader: ByteReader, _ offset: Int) -> (value: Int, end: Int)? {
        guard reader.bytes.indices.contains(offset), reader.bytes[offset] != 0 else { return nil }
        let count = reader.bytes[offset].leadingZeroBitCount + 1
        guard offset + count <= reader.bytes.count else { return nil }
        let first = Int(reader.bytes[offset]) & (1 << (8 - count) - 1)
        let value = reader.bytes[(offset + 1)..<(offset + count)].reduce(first) { $0 << 8 | Int($1) }
        return (value == 1 << (7 * count) - 1 ? .max : value, offset + count)
    }

    /// Bytes of the first part of an AVI file, which alone may be longer than what is stated.
    private static func riff(_ reader: ByteReader) -> Int? {
        guard reader.has("RIFF", at: 0), reader.has("AVI ", at: 8) else { return nil }
        var reader = reader
        reader.littleEndian = true
        return (try? reader.uint32(4)).map { 8 + $0 }
    }

    /// The boxes of an MP4 or QuickTime file.
    private struct Boxes {
        /// Types that a file begins with.
        static let starts: [StaticString] = [
            "ftyp", "styp", "moov", "mdat", "moof", "sidx", "free", "skip", "wide", "pnot",
        ]

        private var indices = 0
        private var hasFragments = false
        private var cut: (type: String, start: Int, missing: Int)?

        init(_ source: ByteSource) {
            var offset = 0
            // Fragments may be many, and hostile files endless.
            for _ in 0..<100_000 {
                let head = ByteReader(bytes: source.bytes(at: offset, count: 16))
                guard head.bytes.count >= 8, var size = try? head.uint32(0) else {
                    if !head.bytes.isEmpty { cut = ("", offset, 8 - head.bytes.count) }
                    return
                }
                if size == 1, head.bytes.count == 16 {
                    guard head.bytes[8] < 0x40, let high = try? head.uint32(8), let low = try? head.uint32(12) else {
                        return
                    }
                    size = high << 32 | low
                }
                if size == 0 { size = source.size - offset }
                guard size >= 8, head.bytes[4..<8].allSatisfy({ 0x20..<0x7F ~= $0 || $0 == 0xA9 }) else { return }
                if head.has("moov", at: 4) { indices += 1 }
                if head.has("moof", at: 4) { hasFragments = true }
                let (end, overflow) = offset.addingReportingOverflow(size)
                guard !overflow, end <= source.size else {
                    let missing = overflow ? size : end - source.size
                    cut = (String(decoding: head.bytes[4..<8], as: UTF8.self), offset, missing)
                    return
                }
                offset = end
            }
        }

        var limit: Int? {
            guard let cut, hasFragments, indices > 0, cut.type != "mdat" else { return nil }
            return cut.start
        }

        var refusal: MediaError.Fault? {
            if indices == 0 {
                return hasFragments
                    ? .corrupt("a piece of a recording, without the piece that describes it (moov)")
                    : .corrupt("the recording was not finished: it has no index (moov)")
            }
            if cut?.type == "moov" { return .corrupt("the recording was not finished: its index (moov) ends early") }
            return nil
        }

        var note: String? {
            if let cut {
                return hasFragments
                    ? "the recording was not finished: its last fragment is incomplete"
                    : "the file ends early: at least \(cut.missing) bytes are missing"
            }
            return indices > 1 ? "\(indices) recordings are joined in this file, of which the first is read" : nil
        }
    }
}
