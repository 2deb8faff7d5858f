import PerceptFrame
import PerceptMedia
import Testing

/// Pictures whose turn, mirroring and cut stand in the container.
@Suite struct HEIFTests {
    /// `photo.avif` with more properties for its picture, given as boxes.
    private func avif(_ properties: [[UInt8]], exif: Bool = false) throws -> [UInt8] {
        let bytes = try readBytes(Manifest.path("photo.avif"))
        func number(_ value: Int, _ count: Int) -> [UInt8] {
            (0..<count).map { UInt8(value >> (8 * (count - 1 - $0)) & 0xFF) }
        }
        func box(_ type: String, _ payload: [UInt8], full: Bool = false) -> [UInt8] {
            let payload = (full ? [0, 0, 0, 0] : []) + payload
            return number(payload.count + 8, 4) + Array(type.utf8) + payload
        }
        func find(_ type: String) throws -> Range<Int> {
            let name = Array(type.utf8)
            let start = try #require(bytes.indices.first { bytes[$0...].starts(with: name) })
            let size = bytes[start - 4..<start].reduce(0) { $0 << 8 | Int($1) }
            return start + 4..<start - 4 + size
        }
        let own = try [
            box("ispe", Array(bytes[find("ispe")])), box("av1C", Array(bytes[find("av1C")])),
            box("colr", Array(bytes[find("colr")])),
        ]
        let data = try Array(bytes[find("mdat")])
        let all = own + properties
        let associations = [UInt8(all.count)] + (1...all.count).map { UInt8(0x80 | $0) }
        func meta(_ start: Int) -> [UInt8] {
            let location = [0x44, 0, 0, 1, 0, 1, 0, 0, 0, 1] + number(start, 4) + number(data.count, 4)
            let item = number(1, 2) + [0, 0] + Array("av01".utf8) + [0]
            let information = [0, 1] + box("infe", [2, 0, 0, 0] + item)
            let parts = [
                box("pitm", [0, 1], full: true), box("iloc", location, full: true),
                box("iinf", information, full: true),
                box(
                    "iprp",
                    box("ipco", all.flatMap { $0 }) + box("ipma", [0, 0, 0, 1, 0, 1] + associations, full: true)),
            ]
            return box("meta", parts.flatMap { $0 }, full: true)
        }
        let head = box("ftyp", Array("avif".utf8) + [0, 0, 0, 0] + Array("mif1".utf8))
        return head + meta(head.count + meta(0).count + 8) + box("mdat", data)
    }

    private func turn(_ quarters: UInt8) -> [UInt8] { [0, 0, 0, 9] + Array("irot".utf8) + [quarters] }
    private func mirror(_ axis: UInt8) -> [UInt8] { [0, 0, 0, 9] + Array("imir".utf8) + [axis] }

    private func aperture(_ numbers: [Int32]) -> [UInt8] {
        [0, 0, 0, 40] + Array("clap".utf8)
            + numbers.flatMap { number in (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) } }
    }

    @Test func theContainerTurnsAPicture() throws {
        let plain = try ImageFile.decode(avif([]), name: "plain")
        #expect(plain.orientation == 1)
        #expect(try plain.packedBytes == ImageFile.decode(Manifest.path("photo.avif")).packedBytes)
        // Quarter turns go against the clock; mirroring exchanges rows, or columns where its number is odd.
        let expected: [(properties: [[UInt8]], orientation: Int)] = [
            ([turn(0)], 1), ([turn(1)], 8), ([turn(2)], 3), ([turn(3)], 6), ([mirror(0)], 4), ([mirror(1)], 2),
            ([turn(1), mirror(0)], 5), ([turn(1), mirror(1)], 7), ([turn(3), mirror(0)], 7), ([turn(3), mirror(1)], 5),
            ([turn(2), mirror(0)], 2), ([mirror(0), turn(1)], 7), ([mirror(1), turn(1)], 5),
        ]
        for (properties, orientation) in expected {
            let frame = try ImageFile.decode(avif(properties), name: "turned")
            #expect(frame.orientation == orientation, "\(properties)")
            #expect(frame.packedBytes == plain.packedBytes)
        }
    }

    @Test func theContainerCutsAPicture() throws {
        let plain = try ImageFile.decode(avif([]), name: "plain")
        try #require((plain.width, plain.height) == (37, 29))
        // 13 x 9 pixels, whose middle lies 2 to the right of the picture's and 4 above it.
        let cut = try ImageFile.decode(avif([aperture([13, 1, 9, 1, 2, 1, -4, 1]), turn(1)]), name: "cut")
        #expect((cut.width, cut.height, cut.orientation) == (13, 9, 8))
        #expect((cut.uprightWidth, cut.uprightHeight) == (9, 13))
        let (x, y) = ((37 - 13) / 2 + 2, (29 - 9) / 2 - 4)
        let rows = (0..<9).flatMap { row in plain.packedBytes[((y + row) * 37 + x)...].prefix(13) }
        #expect(Array(cut.packedBytes.prefix(13 * 9)) == rows)
        let senseless = try ImageFile.decode(avif([aperture([130, 1, 9, 1, 0, 1, 0, 1])]), name: "senseless")
        #expect(senseless.width == 37)
        #expect(senseless.notes.count == 1)
    }
}
