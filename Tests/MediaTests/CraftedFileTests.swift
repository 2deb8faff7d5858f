import Foundation
import PerceptFrame
import PerceptMedia
import TestSupport
import Testing

/// Files whose numbers are made to go over, or to make much of little: each is read or refused, in little time and memory.
@Suite struct CraftedFileTests {
    private func refusal(_ bytes: [UInt8]) -> MediaError.Fault? {
        do throws(MediaError) {
            _ = try ImageFile.decode(bytes, name: "crafted")
            return nil
        } catch { return error.fault }
    }

    private static func number(_ value: Int, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * (count - 1 - $0))) }
    }

    private static func box(_ type: String, _ body: [UInt8]) -> [UInt8] {
        number(body.count + 8, 4) + Array(type.utf8) + body
    }

    // MARK: Containers

    @Test(
        arguments: [
            [0xFF], [0x01] + Array(repeating: 0xFF, count: 7), [0x40, 0x08] + Array(repeating: 0xFF, count: 60),
        ] as [[UInt8]])
    func matroskaHeadersOfUnknownLengthAreRefused(length: [UInt8]) throws {
        let folder = try TemporaryFolder()
        let path = folder.url.appending(path: "a.mkv").path
        try Data([0x1A, 0x45, 0xDF, 0xA3] + length).write(to: URL(filePath: path))
        #expect(throws: MediaError.self) { try VideoReader(path) }
    }

    /// A file of `chunks` behind the header of an animation.
    private static func webP(_ side: Int, _ chunks: [UInt8]) -> [UInt8] {
        let sides = [UInt8(side - 1), 0, 0, UInt8(side - 1), 0, 0]
        let body = Array("WEBPVP8X".utf8) + [10, 0, 0, 0, 0x12, 0, 0, 0] + sides + chunks
        return Array("RIFF".utf8) + number(body.count, 4).reversed() + body
    }

    private func withAnimation(_ bytes: [UInt8], _ body: (AnimatedWebP?) throws -> Void) throws {
        let folder = try TemporaryFolder()
        let path = folder.url.appending(path: "a.webp").path
        try Data(bytes).write(to: URL(filePath: path))
        try body(AnimatedWebP(path))
    }

    @Test func framesWithoutTheirHeaderAreRefused() throws {
        for length in [0, 5, 15] {
            let frame = Array("ANMF".utf8) + Self.number(length, 4).reversed() + [UInt8](repeating: 0, count: 40)
            #expect(throws: MediaError.self) {
                try withAnimation(Self.webP(1, frame)) { _ = try $0?.frame(at: 0) }
            }
        }
    }

    /// The padding of an odd chunk may be missing at the end of the file.
    @Test func lastFramesNeedNoPadding() throws {
        let whole = try readBytes(Manifest.path("animated.webp"))
        let start = try #require(Data(whole).range(of: Data("ANMF".utf8))?.lowerBound)
        let length = Int(whole[start + 4]) | Int(whole[start + 5]) << 8
        // A byte behind the frame's parts belongs to none of them.
        let frame =
            Array("ANMF".utf8) + Self.number(length + 1, 4).reversed() + whole[start + 8..<start + 8 + length] + [0]
        var bytes = Array(whole[..<start]) + frame
        bytes.replaceSubrange(4..<8, with: Self.number(bytes.count - 8, 4).reversed())
        try withAnimation(bytes) { animation in
            #expect(animation?.frameCount == 1)
            _ = try animation?.frame(at: 0)
        }
    }

    // MARK: TIFF

    private static func tiff(_ entries: [(tag: Int, type: Int, values: [Int])], data: [UInt8]) -> [UInt8] {
        let size = [1: 1, 3: 2, 4: 4]
        var outside: [UInt8] = []
        var directory = number(entries.count, 2)
        let end = 8 + 2 + 12 * entries.count + 4
        for (tag, type, values) in entries {
            let bytes = values.flatMap { number($0, size[type]!) }
            directory += number(tag, 2) + number(type, 2) + number(values.count, 4)
            if bytes.count > 4 {
                directory += number(end + outside.count, 4)
                outside += bytes
            } else {
                directory += bytes + Array(repeating: 0, count: 4 - bytes.count)
            }
        }
        return Array("MM\0*".utf8) + number(8, 4) + directory + number(0, 4) + outside + data
    }

    @Test(arguments: [1, 8])
    func tiffsWhoseBytesCannotBeCountedAreRefused(compression: Int) {
        let side = Int(Int32.max)
        let bytes = Self.tiff(
            [
                (256, 4, [side]), (257, 4, [side]), (258, 3, [16, 16, 16, 16]), (259, 3, [compression]), (262, 3, [2]),
                (273, 4, [8]), (277, 3, [4]), (278, 4, [side]), (279, 4, [64]),
            ], data: Array(repeating: 0x78, count: 64))
        #expect(refusal(bytes) != nil)
    }

    /// Each of 2,000 strips is nearly the whole file.
    @Test func stripsThatShareTheirBytesAreRefused() {
        let rows = 2000
        let data = [UInt8](repeating: 0, count: 1 << 16)
        let bytes = Self.tiff(
            [
                (256, 4, [8]), (257, 4, [rows]), (258, 3, [8]), (259, 3, [1]), (262, 3, [1]),
                (273, 4, Array(repeating: 8, count: rows)), (277, 3, [1]), (278, 4, [1]),
                (279, 4, Array(repeating: data.count, count: rows)),
            ], data: data)
        #expect(refusal(bytes) == .unsupported("TIFF whose strips or tiles share their bytes"))
    }

    @Test func stripsLargerThanStatedAreRefused() throws {
        let strip = try readBytes("\(Manifest.folder)/coffee.jpg")
        // Three depths behind the directory, and then the strip.
        let place = 8 + 2 + 12 * 9 + 4 + 6
        let bytes = Self.tiff(
            [
                (256, 4, [16]), (257, 4, [16]), (258, 3, [8, 8, 8]), (259, 3, [7]), (262, 3, [6]),
                (273, 4, [place]), (277, 3, [3]), (278, 4, [16]), (279, 4, [strip.count]),
            ], data: strip)
        guard case .corrupt(let detail) = refusal(bytes) else { return #expect(Bool(false), "taken") }
        #expect(detail.hasPrefix("a strip or tile of "))
    }

    /// Pages over each other, each of as many entries as there can be: they are not all looked at.
    @Test func directoriesOverEachOtherAreCountedToAnEnd() throws {
        let pages = 8
        let start = 256
        var bytes = Self.tiff(
            [
                (256, 4, [1]), (257, 4, [1]), (258, 3, [8]), (259, 3, [1]), (262, 3, [1]), (273, 4, [200]),
                (277, 3, [1]), (278, 4, [1]), (279, 4, [1]),
            ], data: [])
        bytes += Array(repeating: 0, count: start + 16 * pages + 12 * 65535 + 16 - bytes.count)
        // Where the first directory says that the next is.
        bytes.replaceSubrange(8 + 2 + 12 * 9..<8 + 2 + 12 * 9 + 4, with: Self.number(start, 4))
        for page in 0..<pages {
            let place = start + 16 * page
            bytes.replaceSubrange(place..<place + 2, with: [0xFF, 0xFF])
            let next = place + 2 + 12 * 65535
            if page + 1 < pages { bytes.replaceSubrange(next..<next + 4, with: Self.number(place + 16, 4)) }
        }
        #expect(try ImageFile.decode(bytes, name: "crafted").notes == ["the first of many pages"])
    }

    // MARK: HEIF

    private static func heif(iloc: [UInt8], _ others: [UInt8] = []) -> [UInt8] {
        let information =
            number(0, 4) + number(1, 2) + box("infe", [2, 0, 0, 0, 0, 1, 0, 0] + Array("av01".utf8) + [0])
        let meta = box("pitm", number(0, 4) + number(1, 2)) + box("iinf", information) + box("iloc", iloc) + others
        return box("ftyp", Array("avif".utf8) + number(0, 4)) + box("meta", number(0, 4) + meta)
    }

    private static let oneItem =
        number(0, 4) + [0x44, 0] + number(1, 2) + number(1, 2) + number(0, 2)
        + number(1, 2) + number(8, 4) + number(4, 4)

    /// An empty list of references, and one that tells of more than it has.
    @Test(
        arguments: [
            [], [0, 0], [0, 0, 0, 0, 0, 0, 0, 14, 0x64, 0x69, 0x6D, 0x67, 0, 1, 0xFF, 0xFF, 0, 1],
        ] as [[UInt8]])
    func referencesThatAreTooShortAreRefused(body: [UInt8]) {
        #expect(refusal(Self.heif(iloc: Self.oneItem, Self.box("iref", body))) != nil)
    }

    /// Numbers of no bytes can be repeated without end: these would be 65 million places.
    @Test func placesWithoutNumbersAreRefused() {
        var iloc = Self.number(0, 4) + [0, 0] + Self.number(1000, 2)
        for item in 0..<1000 { iloc += Self.number(item, 2) + Self.number(0, 2) + [0xFF, 0xFF] }
        #expect(refusal(Self.heif(iloc: iloc)) == .corrupt("an item of the same part again and again"))
    }

    @Test func propertiesThatGoOnBehindTheirListAreRefused() {
        let list = Self.box("ipma", Self.number(0, 4) + Self.number(1000, 4) + [0, 1, 0])
        let bytes = Self.heif(iloc: Self.oneItem, Self.box("iprp", list)) + [UInt8](repeating: 0, count: 4000)
        #expect(refusal(bytes) == .corrupt("a list of properties that is too short"))
    }

    /// A picture of 1024 x 1024 pixels (Pillow 13, of one colour), in a file that says 16 x 16, and one that says the truth.
    @Test func picturesLargerThanStatedAreRefused() throws {
        let text =
            "AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUIAAADrbWV0YQAAAAAAAAAhaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA"
            + "AAAAAAAOcGl0bQAAAAAAAQAAAB5pbG9jAAAAAEQAAAEAAQAAAAEAAAETAAAA5AAAAChpaW5mAAAAAAABAAAAGmluZmUCAAAAAAEA"
            + "AGF2MDFDb2xvcgAAAABqaXBycAAAAEtpcGNvAAAAFGlzcGUAAAAAAAAAEAAAABAAAAAQcGl4aQAAAAADCAgIAAAADGF2MUOBBQwA"
            + "AAAAE2NvbHJuY2x4AAEADQAGgAAAABdpcG1hAAAAAAAAAAEAAQQBAoMEAAAA7G1kYXQSAAoKGWZ///2iAhoNCDLTARpP94eFFd//"
            + "/+LPwAAALs/KKceU+YXMkHMBsUcl4fv6r4CHJnJDV61lM2umnfVMy5M1kTduwBVnZBbung7oMM/KRFtAgV3xzJwMijddk+Y7hF+k"
            + "XDQmwADuZBzUenZtxY4+m5WqCHDB6CtZzUmdxiAwz8pEW0CBXfHMnAyKN12T5juEX6RcNCbAAO5kHNR6dm3Fjj6blaoIcMHoK1nN"
            + "SZ3GIM/KRFtAgV3xzJwMijddk+Y7hF+kXDQmwADuZBzUenZtxY4+m5WqCHDB6CtZzUmdxiA="
        var bytes = [UInt8](try #require(Data(base64Encoded: text)))
        #expect(refusal(bytes) != nil)
        let size = try #require(Data(bytes).range(of: Data("ispe".utf8))?.upperBound) + 4
        bytes.replaceSubrange(size..<size + 8, with: Self.number(1024, 4) + Self.number(1024, 4))
        #expect(refusal(bytes) == nil)
    }
}
