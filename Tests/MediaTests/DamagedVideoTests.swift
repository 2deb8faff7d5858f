import Foundation
import PerceptFrame
import PerceptMedia
import TestSupport
import Testing

/// Recordings that lost something on their way: what is whole is read, and a note tells of the rest.
@Suite struct DamagedVideoTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func video(_ encoder: String, _ container: String, frames: Int = 60) throws -> [UInt8] {
        var video = TestVideo(frames: frames, encoder: encoder, container: container)
        video.keyFrames = 10
        return try video.bytes()
    }

    private func reader(_ bytes: [UInt8], _ name: String) throws -> VideoReader {
        try VideoReader(try folder.write(bytes, name))
    }

    private func hashes(_ reader: VideoReader) throws -> [String] {
        try (0..<reader.frameCount).map { try reader.frame(at: $0).fnv1a }
    }

    /// True where `found` has elements of `all` only, in their order.
    private func isContained(_ found: [String], in all: [String]) -> Bool {
        var rest = all[...]
        return found.allSatisfy { one in
            rest = rest.drop { $0 != one }
            return rest.popFirst() != nil
        }
    }

    private func fault(_ bytes: [UInt8], _ name: String) throws -> String {
        let path = try folder.write(bytes, name)
        let error = try #require(throws: MediaError.self) { _ = try VideoReader(path) }
        let probed = #expect(throws: MediaError.self) {
            if try MediaFile.probe(path) == .video { _ = try VideoReader(path) }
        }
        #expect(probed == error)
        return "\(error.fault)"
    }

    @Test("Of a transport stream without a packet or two, all frames are used but those it was part of")
    func lostPackets() throws {
        for encoder in ["mpeg2video", "libx264"] where TestVideo.has(encoder) {
            let bytes = try video(encoder, "mpegts", frames: 100)
            let whole = try hashes(try reader(bytes, "whole.ts"))
            var packets = stride(from: 0, to: bytes.count, by: 188).map { Array(bytes[$0..<$0 + 188]) }
            let pictures = packets.indices.filter { packets[$0][1] & 0x5F == 1 && packets[$0][2] == 0 }
            for place in [0.7, 0.3] { packets.remove(at: pictures[Int(Double(pictures.count) * place)]) }
            let damaged = try reader(Array(packets.joined()), "lost.ts")
            #expect(damaged.frameCount >= 94 && damaged.frameCount < 100, "\(encoder): \(damaged.frameCount)")
            #expect(
                damaged.notes == ["\(100 - damaged.frameCount) of 100 frames are missing or damaged and left out"],
                "\(encoder): \(damaged.notes)")
            let found = try hashes(damaged)
            // Those before the first loss are the recording's own, and so are those behind the next key frame.
            #expect(Array(found.prefix(10)) == Array(whole.prefix(10)), "\(encoder)")
            #expect(Array(found.suffix(10)) == Array(whole.suffix(10)), "\(encoder)")
            #expect(try damaged.frame(at: 40).fnv1a == found[40], "\(encoder)")
        }
    }

    @Test("Recordings that were joined are read as one")
    func joined() throws {
        let bytes = try video("mpeg2video", "mpegts")
        let one = try hashes(try reader(bytes, "one.ts"))
        let both = try reader(bytes + bytes, "both.ts")
        // The demuxer takes the jump of the packets' numbers for a loss in the first frame behind it.
        let found = try hashes(both)
        #expect(found.count >= 119 && isContained(found, in: one + one))
        #expect(both.notes == (found.count < 120 ? ["1 of 120 frames is missing or damaged and left out"] : []))
        let mp4 = try video("mpeg4", "mp4")
        let first = try reader(mp4 + mp4, "both.mp4")
        #expect(first.frameCount == 60)
        #expect(first.notes == ["2 recordings are joined in this file, of which the first is read"])
    }

    @Test("A stream of which most is lost is refused, with how much that is")
    func tooMuch() throws {
        let bytes = try video("mpeg2video", "mpegts")
        let packets = stride(from: 0, to: bytes.count, by: 188).map { Array(bytes[$0..<$0 + 188]) }
        // Every other packet behind the first picture.
        let rest = packets.enumerated().filter { $0.offset < 20 || $0.offset % 2 == 0 }.map(\.element)
        let fault = try fault(Array(rest.joined()), "rest.ts")
        #expect(fault.contains("too much is lost: ") && fault.contains(" frames can be decoded whole"), "\(fault)")
    }

    /// The boxes of an MP4 file, with where they begin.
    private func boxes(_ bytes: [UInt8]) -> [(type: String, start: Int)] {
        var found: [(String, Int)] = []
        var offset = 0
        while offset + 8 <= bytes.count {
            found.append((String(decoding: bytes[offset + 4..<offset + 8], as: UTF8.self), offset))
            offset += bytes[offset..<offset + 4].reduce(0) { $0 << 8 | Int($1) }
        }
        return found
    }

    @Test("Of a fragmented MP4 that was cut, whole fragments are read")
    func fragments() throws {
        let path = folder.url.appending(path: "a.mp4").path
        let writer = try VideoWriter(path)
        let source = try LiveInput.open("test:?size=160x96&rate=10&frames=55&hold=1", .fast)
        while case .frame(let frame)? = try source.next() { try writer.write(frame.frame, at: frame.time) { _ in } }
        try writer.finish()
        let bytes = try readBytes(path)
        let whole = try reader(bytes, "whole.mp4")
        #expect(whole.frameCount == 55 && whole.notes == [])
        let all = try hashes(whole)
        let starts = boxes(bytes).filter { $0.type == "moof" }.map(\.start)
        #expect(starts.count >= 4)
        for (index, start) in starts.enumerated().dropFirst() {
            for extra in [0, 4, 30, 200] {
                let cut = try reader(Array(bytes.prefix(start + extra)), "cut.mp4")
                let found = try hashes(cut)
                // Frames are stored in the order of decoding: of the last few some may be in the next fragment.
                #expect(found.count >= index * 10 - 2 && isContained(found, in: all), "\(index) \(extra)")
                let isNoted = cut.notes.contains("the recording was not finished: its last fragment is incomplete")
                #expect(isNoted == (extra > 0), "\(cut.notes)")
            }
        }
        // A piece of a broadcast.
        let piece = try fault(Array(bytes[starts[1]...]), "piece.m4s")
        #expect(piece == "damaged: a piece of a recording, without the piece that describes it (moov)")
    }

    @Test("A recording without its index is refused by that name")
    func noIndex() throws {
        for container in ["mp4", "mov"] {
            let bytes = try video("mpeg4", container)
            let boxes = boxes(bytes)
            let index = try #require(boxes.first { $0.type == "moov" }?.start)
            let data = try #require(boxes.first { $0.type == "mdat" }?.start)
            let expected = "damaged: the recording was not finished: it has no index (moov)"
            #expect(try fault(Array(bytes.prefix(index)), "a.\(container)") == expected)
            #expect(try fault(Array(bytes.prefix(index / 2)), "a.\(container)") == expected)
            // As cameras leave it whose power failed: the length is filled in last.
            var open = Array(bytes.prefix(index))
            for byte in 0..<4 { open[data + byte] = 0 }
            #expect(try fault(open, "a.\(container)") == expected)
            #expect(
                try fault(Array(bytes.prefix(index + 60)), "a.\(container)")
                    == "damaged: the recording was not finished: its index (moov) ends early")
        }
    }

    @Test(
        "Of a recording that ends early the frames that are there are used, and a note tells",
        arguments: [("mpeg4", "matroska"), ("mjpeg", "matroska"), ("mpeg2video", "mpegts")])
    func cut(_ encoder: String, _ container: String) throws {
        let bytes = try video(encoder, container)
        let whole = try reader(bytes, "whole")
        #expect(whole.frameCount == 60 && whole.notes == [], "\(whole.notes)")
        let cut = try reader(Array(bytes.prefix(bytes.count * 7 / 10)), "cut")
        let found = try hashes(cut)
        #expect(found.count >= 35 && found.count < 60)
        #expect(found == Array(try hashes(whole).prefix(found.count)))
        if container == "matroska" {
            #expect(cut.notes.contains { $0.hasPrefix("the file ends early: ") }, "\(cut.notes)")
        }
    }

    @Test("An MP4 whose index comes first is used as far as it goes, if that is half of it")
    func cutBehindItsIndex() throws {
        let bytes = try readBytes(Manifest.path("h264-faststart.mp4"))
        let whole = try hashes(try reader(bytes, "whole.mp4"))
        var used = 0
        for length in stride(from: bytes.count - 10, to: bytes.count * 3 / 4, by: -100) {
            guard let cut = try? reader(Array(bytes.prefix(length)), "cut.mp4") else { continue }
            used += 1
            let found = try hashes(cut)
            #expect(found.count < whole.count && found.count >= whole.count / 2 && isContained(found, in: whole))
            let lost = whole.count - found.count
            #expect(
                cut.notes.first
                    == "\(lost) of \(whole.count) frames \(lost == 1 ? "is" : "are") missing or damaged and left out")
        }
        #expect(used > 0)
        let start = try #require(boxes(bytes).first { $0.type == "mdat" }?.start)
        #expect(try fault(Array(bytes.prefix(start + 1500)), "most.mp4").contains("too much is lost"))
    }

    @Test("A damaged frame of an MP4 is stood in for by a whole one beside it")
    func standIn() throws {
        var bytes = try video("mjpeg", "mp4", frames: 20)
        let path = try folder.write(bytes, "whole.mp4")
        let whole = try hashes(try VideoReader(path))
        let starts = bytes.indices.filter { $0 + 2 < bytes.count && Array(bytes[$0..<$0 + 3]) == [0xFF, 0xD8, 0xFF] }
        #expect(starts.count == 20)
        for broken in [7, 8, 19] {
            // Nothing of the picture's header is left.
            for offset in starts[broken]..<starts[broken] + 400 { bytes[offset] = 0 }
        }
        let damaged = try reader(bytes, "damaged.mp4")
        #expect(damaged.frameCount == 20)
        for (index, place) in [(6, 6), (7, 9), (8, 9), (9, 9), (19, 18), (3, 3), (8, 9), (18, 18)] {
            #expect(try damaged.frame(at: index).fnv1a == whole[place], "frame \(index)")
        }
        #expect(damaged.notes.contains("frame 7 of 20 is damaged; frame 9 stands in its place"), "\(damaged.notes)")
        #expect(damaged.notes.contains("frame 19 of 20 is damaged; frame 18 stands in its place"))
        #expect(Set(damaged.notes).count == 3, "\(damaged.notes)")
    }
}
