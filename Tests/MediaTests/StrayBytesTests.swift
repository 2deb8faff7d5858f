import PerceptFrame
import PerceptMedia
import Testing

/// JPEGs with bytes that belong to nothing, as cheap cameras write them, and with remarks that make no sense.
@Suite struct StrayBytesTests {
    private static let restarting = "420-restart.jpg"

    /// Where the segments begin, the last of them the scan.
    private func segments(_ bytes: [UInt8]) -> [Int] {
        var starts = [2]
        while let start = starts.last, bytes[start + 1] != 0xDA {
            starts.append(start + 2 + Int(bytes[start + 2]) << 8 + Int(bytes[start + 3]))
        }
        return starts
    }

    private func restartMarkers(_ bytes: [UInt8]) -> [Int] {
        (segments(bytes).last!..<bytes.count - 1).filter { bytes[$0] == 0xFF && bytes[$0 + 1] & 0xF8 == 0xD0 }
    }

    private func inserting(_ extra: [UInt8], _ bytes: [UInt8], at places: [Int]) -> [UInt8] {
        var bytes = bytes
        for place in places.sorted(by: >) { bytes.insert(contentsOf: extra, at: place) }
        return bytes
    }

    @Test(arguments: [[0x31], [0, 0], [0xFF, 0, 0x9A], [1, 2, 3, 4, 5, 6, 7]] as [[UInt8]])
    func bytesBeforeRestartMarkersAreSkipped(_ extra: [UInt8]) throws {
        let bytes = try readBytes(Manifest.path(Self.restarting))
        let markers = restartMarkers(bytes)
        try #require(markers.count > 3)
        let frame = try ImageFile.decode(inserting(extra, bytes, at: markers), name: "stray")
        let whole = try ImageFile.decode(bytes, name: "whole")
        #expect(frame.packedBytes == whole.packedBytes)
        #expect(frame.notes == ["\(extra.count * markers.count) stray bytes were skipped"])
        #expect(whole.notes.isEmpty)
    }

    @Test(arguments: ["420.jpg", "420-progressive.jpg", "gray.jpg", "cmyk.jpg", restarting])
    func bytesBetweenSegmentsAreSkipped(_ file: String) throws {
        let bytes = try readBytes(Manifest.path(file))
        let frame = try ImageFile.decode(inserting([0x12, 0x34], bytes, at: segments(bytes)), name: "stray")
        #expect(try frame.packedBytes == ImageFile.decode(bytes, name: "whole").packedBytes)
        #expect(frame.notes.count == 1)
        // Any number of 0xFF may stand before a marker.
        let filled = try ImageFile.decode(inserting([0xFF, 0xFF], bytes, at: segments(bytes)), name: "filled")
        #expect(filled.notes.isEmpty)
    }

    @Test func aLostIntervalIsRefused() throws {
        let bytes = try readBytes(Manifest.path(Self.restarting))
        let markers = restartMarkers(bytes)
        var lost = bytes
        lost.removeSubrange(markers[1]..<markers[2])
        #expect(throws: MediaError.self) { try ImageFile.decode(lost, name: "without an interval") }
        lost = bytes
        lost.removeSubrange(markers[1] + 2..<markers[2])
        #expect(throws: MediaError.self) { try ImageFile.decode(lost, name: "without an interval's data") }
    }

    @Test func remarksNeitherRefuseNorChangeAPicture() throws {
        let bytes = try readBytes(Manifest.path("420.jpg"))
        let whole = try ImageFile.decode(bytes, name: "whole").packedBytes
        func segment(_ marker: UInt8, _ payload: [UInt8]) -> [UInt8] {
            [0xFF, marker, UInt8((payload.count + 2) >> 8), UInt8((payload.count + 2) & 0xFF)] + payload
        }
        let exif = Array("Exif\0\0".utf8)
        let remarks: [(segment: [UInt8], isNoted: Bool)] = [
            (segment(0xE1, exif), true), (segment(0xE1, exif + Array("II*\0".utf8)), true),
            (segment(0xE1, exif + Array("II*\0".utf8) + [0xFF, 0xFF, 0xFF, 0x7F]), true),
            (segment(0xE1, exif + Array("II*\0".utf8) + [8, 0, 0, 0, 0, 0, 0, 0, 0, 0]), false),
            (segment(0xE1, []), false), (segment(0xED, Array("Pho".utf8)), false),
            (segment(0xE2, Array("ICC_PROFILE\0".utf8) + [5, 2]), false), (segment(0xEE, Array("Adobe\0".utf8)), false),
            // FFmpeg obeys these: it would turn the picture upside down, or take it for limited range.
            (segment(0xFE, Array("Intel(R) JPEG Library, version 1,5,4,36".utf8)), false),
            (segment(0xFE, Array("CS=ITU601".utf8)), false),
            (segment(0xE0, Array("AVI1".utf8) + [1, 0, 0, 0, 0]), false),
        ]
        for (remark, isNoted) in remarks {
            let frame = try ImageFile.decode(inserting(remark, bytes, at: [2]), name: "with a remark")
            #expect(frame.packedBytes == whole)
            #expect(frame.fullRange)
            #expect(frame.notes.isEmpty != isNoted, "\(remark.prefix(12))")
        }
    }

    @Test func aMissingQuantizationTableIsSaid() throws {
        let bytes = try readBytes(Manifest.path("420.jpg"))
        let starts = segments(bytes)
        let tables = starts.indices.dropLast().filter { bytes[starts[$0] + 1] == 0xDB }
        var without = bytes
        for index in tables.reversed() { without.removeSubrange(starts[index]..<starts[index + 1]) }
        #expect(
            throws: MediaError(
                file: "bare", fault: .corrupt("a JPEG without the quantization table that it names"))
        ) { try ImageFile.decode(without, name: "bare") }
    }
}
