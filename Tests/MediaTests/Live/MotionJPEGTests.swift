import Foundation
import PerceptFrame
import PerceptMedia
import TestSupport
import Testing

/// MJPEG as cheap cameras send it: with bytes between segments, and with application segments that say nothing.
@Suite struct MotionJPEGTests {
    enum Kind: CaseIterable {
        case strayBytes
        case beforeRestarts
        case oddSegments
    }

    /// The same pictures with something in front of their tables that the decoder does not take.
    private static func spoilt(_ bytes: [UInt8], _ kind: Kind) -> [UInt8] {
        let stray: [UInt8] =
            switch kind {
            case .strayBytes: [0x00, 0x12, 0x34]
            case .beforeRestarts: [0x12, 0x34]
            // Exif that says it is longer than it is, and a comment.
            case .oddSegments: [0xFF, 0xE1, 0, 8] + Array("Exif\0\0".utf8) + [0xFF, 0xFE, 0, 3, 0]
            }
        var spoilt: [UInt8] = []
        for (index, byte) in bytes.enumerated() {
            let markers: ClosedRange<UInt8> = kind == .beforeRestarts ? 0xD0...0xD7 : 0xDB...0xDB
            if byte == 0xFF, index + 1 < bytes.count, markers ~= bytes[index + 1] { spoilt += stray }
            spoilt.append(byte)
        }
        return spoilt
    }

    @Test(arguments: Kind.allCases) func everyPictureOfAStreamIsShown(_ kind: Kind) throws {
        let whole = try TestVideo(frames: 30, encoder: "mjpeg", container: "mjpeg", slices: 4).bytes()
        #expect(whole.ranges(of: [0xFF, 0xD1]).count == 30, "this encoder sets no restart markers")
        let folder = try TemporaryFolder()
        let expected = try Collected(
            try LiveInput.open(try folder.write(whole, "whole.mjpeg"), .fast), hashes: true)
        let path = try folder.write(Self.spoilt(whole, kind), "spoilt.mjpeg")
        let found = try Collected(try LiveInput.open(path, .fast), hashes: true)
        #expect(found.hashes == expected.hashes && found.hashes.count == 30)
        #expect(found.damages == 0)
        // Told once, if anything was in the decoder's way.
        #expect(found.notices.count <= 1, "\(found.notices)")
        if kind == .beforeRestarts {
            let remark = "JPEG pictures in it have bytes that mean nothing, which are passed over"
            #expect(found.notices == [.remark(remark)])
        }
        let reader = try VideoReader(path)
        #expect(try (0..<reader.frameCount).map { try reader.frame(at: $0).fnv1a } == expected.hashes)
        #expect(reader.notes.count == found.notices.count, "\(reader.notes)")
    }

    @Test(arguments: Kind.allCases) func everyPictureOfACameraIsShown(_ kind: Kind) async throws {
        let pictures = try CameraTests.pictures("mjpeg", 64, 48, count: 4)
        func lines(_ pictures: [[UInt8]]) async throws -> [String] {
            let camera = try FakeCamera([.init([.init("MJPG", 64, 48, rate: 100, pictures: pictures)])])
            return try await PerceptProcess.run(
                ["play", "/dev/video0", "frames=8"], program: "live-probe", environment: camera.environment
            ).lines
        }
        func hashes(_ lines: [String]) -> [Substring] {
            lines.filter { $0.hasPrefix("frame") }.compactMap { $0.split(separator: " ").last }
        }
        let expected = try await lines(pictures)
        let found = try await lines(pictures.map { Self.spoilt($0, kind) })
        #expect(hashes(found) == hashes(expected) && hashes(found).count == 8, "\(found)")
        #expect(found.count { $0.hasPrefix("notice") } <= 1, "\(found)")
    }
}
