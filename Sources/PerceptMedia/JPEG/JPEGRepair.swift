/// Stray bytes taken out of a JPEG, as libjpeg passes over them: those between two segments, and those between the last
/// code of a restart interval and its marker. Cheap cameras write both.
///
/// FFmpeg's decoder takes the second kind for coded data. Where they begin only the codes tell, so that sequential
/// scans with restart markers are walked, code by code. Scans without them end at the next marker, whatever stands
/// before it.
struct JPEGRepair {
    enum Result {
        /// Nothing is stray.
        case whole
        /// The JPEG without its stray bytes, and how many these were.
        case mended([UInt8], skipped: Int)
        /// Coded data is missing, or is none.
        case broken(String)
    }

    /// Looks through a JPEG file or a frame of MJPEG; what follows its last picture stays as it is.
    ///
    /// - Parameter manyPictures: further pictures may follow the first, such as the second field of an interlaced frame.
    static func repair(_ bytes: UnsafeBufferPointer<UInt8>, manyPictures: Bool = false) -> Result {
        guard bytes.count > 3, bytes[0] == 0xFF, bytes[1] == 0xD8 else { return .whole }
        var walk = JPEGRepair(bytes: bytes)
        do throws(Broken) {
            try walk.walkPicture()
            while manyPictures, walk.offset + 3 < bytes.count, bytes[walk.offset] == 0xFF,
                bytes[walk.offset + 1] == 0xD8
            {
                walk.offset += 2
                try walk.walkPicture()
            }
        } catch {
            return .broken(error.reason)
        }
        guard !walk.stray.isEmpty else { return .whole }
        var mended: [UInt8] = []
        mended.reserveCapacity(bytes.count)
        var kept = 0
        for range in walk.stray {
            mended += bytes[kept..<range.lowerBound]
            kept = range.upperBound
        }
        mended += bytes[kept...]
        return .mended(mended, skipped: walk.stray.reduce(0) { $0 + $1.count })
    }

    struct Broken: Error {
        let reason: String
    }

    private let bytes: UnsafeBufferPointer<UInt8>
    private var offset = 2
    private var stray: [Range<Int>] = []
    private var restartInterval = 0
    private var frame: Frame?
    private var tables = JPEGHuffmanTables()
    /// A restart interval without its stuffed zeros.
    private var interval: [UInt8] = []

    private init(bytes: UnsafeBufferPointer<UInt8>) { self.bytes = bytes }

    private struct Frame {
        var width: Int
        var height: Int
        /// True where blocks are coded one after the other, each whole.
        var isSequential: Bool
        var components: [(name: UInt8, horizontal: Int, vertical: Int)]
    }

    private func uint16(_ offset: Int) -> Int { Int(bytes[offset]) << 8 | Int(bytes[offset + 1]) }

    /// The next marker at or after `start`: where its run of 0xFF begins and where its code stands; nil at the end.
    private func nextMarker(from start: Int) -> (run: Int, code: Int)? {
        var run = start
        while run + 1 < bytes.count {
            guard bytes[run] == 0xFF else {
                run += 1
                continue
            }
            var code = run + 1
            while code < bytes.count, bytes[code] == 0xFF { code += 1 }
            guard code < bytes.count else { return nil }
            if bytes[code] != 0 { return (run, code) }
            run = code + 1
        }
        return nil
    }

    /// Walks segments to the end of an image or of the bytes. What is no JPEG is left to the decoder to complain about.
    private mutating func walkPicture() throws(Broken) {
        frame = nil
        restartInterval = 0
        while let (run, code) = nextMarker(from: offset) {
            if run > offset { stray.append(offset..<run) }
            offset = code + 1
            let marker = bytes[code]
            if marker == 0xD9 { return }
            if marker == 0x01 || marker & 0xF8 == 0xD0 || marker == 0xD8 { continue }
            guard offset + 2 <= bytes.count else { return }
            let end = offset + uint16(offset)
            guard end >= offset + 2, end <= bytes.count else { return }
            let payload = offset + 2
            offset = end
            switch marker {
            case 0xC4: tables.define(bytes, payload..<end)
            case 0xDD where end - payload >= 2: restartInterval = uint16(payload)
            case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF: readFrame(marker, payload..<end)
            case 0xDA: try walkScan(payload..<end)
            default: break
            }
        }
    }

    private mutating func readFrame(_ marker: UInt8, _ range: Range<Int>) {
        guard range.count >= 6, range.count >= 6 + 3 * Int(bytes[range.lowerBound + 5]) else { return }
        let start = range.lowerBound
        frame = Frame(
            width: uint16(start + 3), height: uint16(start + 1), isSequential: marker == 0xC0 || marker == 0xC1,
            components: (0..<Int(bytes[start + 5])).map { index in
                let entry = start + 6 + 3 * index
                return (bytes[entry], Int(bytes[entry + 1] >> 4), Int(bytes[entry + 1] & 15))
            })
    }

    /// Goes past coded data, to the marker behind it.
    private mutating func walkScan(_ header: Range<Int>) throws(Broken) {
        guard restartInterval > 0, let frame, frame.isSequential, let scan = scan(header, frame) else {
            while let (run, code) = nextMarker(from: offset) {
                guard bytes[code] & 0xF8 == 0xD0 else {
                    offset = run
                    return
                }
                offset = code + 1
            }
            offset = bytes.count
            return
        }
        var units = scan.units
        var restarts = 0
        while true {
            let next = nextMarker(from: offset)
            let end = next?.run ?? bytes.count
            guard let used = tables.end(of: scan.blocks, times: min(units, restartInterval), unstuffed(offset..<end))
            else {
                // A writer that announces markers and writes none: FFmpeg decodes it, libjpeg does not.
                if restarts == 0, next.map({ bytes[$0.code] & 0xF8 != 0xD0 }) ?? true { return offset = end }
                throw Broken(reason: "coded data is missing or damaged before byte \(end)")
            }
            units -= min(units, restartInterval)
            let isRestart = next.map { bytes[$0.code] & 0xF8 == 0xD0 } ?? false
            if restarts == 0, units > 0, !isRestart { return offset = end }
            let coded = offset + rawCount(of: used, from: offset)
            if coded < end { stray.append(coded..<end) }
            guard units > 0, let next else {
                offset = end
                // A marker behind the last interval too.
                if isRestart, let next { offset = next.code + 1 }
                return
            }
            guard isRestart, Int(bytes[next.code] & 7) == restarts % 8 else {
                throw Broken(reason: "the restart marker of interval \(restarts) is missing")
            }
            restarts += 1
            offset = next.code + 1
        }
    }

    /// The blocks of a unit of a scan by their tables, and the number of units; nil where the header makes no sense.
    private func scan(_ header: Range<Int>, _ frame: Frame) -> (blocks: [(dc: Int, ac: Int)], units: Int)? {
        guard let count = bytes[header].first.map(Int.init), count > 0, header.count >= 1 + 2 * count else {
            return nil
        }
        guard frame.width > 0, frame.height > 0 else { return nil }
        guard frame.components.allSatisfy({ 1...4 ~= $0.horizontal && 1...4 ~= $0.vertical }) else { return nil }
        let widest = frame.components.map(\.horizontal).max() ?? 1
        let highest = frame.components.map(\.vertical).max() ?? 1
        func divided(_ value: Int, _ divisor: Int) -> Int { (value + divisor - 1) / divisor }
        var blocks: [(dc: Int, ac: Int)] = []
        for index in 0..<count {
            let entry = header.lowerBound + 1 + 2 * index
            guard let component = frame.components.first(where: { $0.name == bytes[entry] }) else { return nil }
            let coding = (dc: Int(bytes[entry + 1] >> 4) & 3, ac: Int(bytes[entry + 1] & 3))
            if count == 1 {
                let width = divided(divided(frame.width * component.horizontal, widest), 8)
                let height = divided(divided(frame.height * component.vertical, highest), 8)
                return ([coding], width * height)
            }
            blocks += Array(repeating: coding, count: component.horizontal * component.vertical)
        }
        return (blocks, divided(frame.width, 8 * widest) * divided(frame.height, 8 * highest))
    }

    /// Coded data without the zeros behind 0xFF, and zeros behind it, so that codes can be read past its end.
    private mutating func unstuffed(_ range: Range<Int>) -> UnstuffedBits {
        interval.removeAll(keepingCapacity: true)
        interval.reserveCapacity(range.count + JPEGHuffmanTables.mostBytesInBlock)
        var index = range.lowerBound
        while index < range.upperBound {
            interval.append(bytes[index])
            index += bytes[index] == 0xFF && index + 1 < range.upperBound ? 2 : 1
        }
        let count = interval.count
        interval.append(contentsOf: repeatElement(0, count: JPEGHuffmanTables.mostBytesInBlock))
        return UnstuffedBits(bytes: interval, count: count)
    }

    /// How many bytes from `start` on hold `count` unstuffed ones.
    private func rawCount(of count: Int, from start: Int) -> Int {
        var index = start
        for _ in 0..<count { index += bytes[index] == 0xFF ? 2 : 1 }
        return min(index, bytes.count) - start
    }
}

/// Coded data of a restart interval; `bytes` go on with zeros.
struct UnstuffedBits {
    let bytes: [UInt8]
    let count: Int
}
