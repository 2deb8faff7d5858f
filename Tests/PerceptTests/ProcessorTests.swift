import Foundation
import Percept
import PerceptCheckpoint
import PerceptEngine
import PerceptFrame
import PerceptGraph
import PerceptJSON
import PerceptModels
import TestSupport
import Testing

/// Pictures, tiles and frames as transformers' processors make them (Tools/fixtures/processors.py), bit for bit.
@Suite struct ProcessorTests {
    private struct Fixture: Decodable {
        struct Case: Decodable {
            let kind: String
            let width, height, tiles, chunks: Int
            let pixels: Data
        }
        struct Sample: Decodable {
            let count: Int
            let rate: Double
            let numFrames: Int?
            let fps: Double?
            let indices: [Int]
        }
        let cases: [Case]
        let samples: [Sample]
    }

    private static let side = 16

    private func fixture() throws -> Fixture {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/plm/processors.json")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(Fixture.self, from: Data(contentsOf: file))
    }

    private func config() throws -> PLMConfig {
        var config = try #require(PublishedModel.named("PLM-1B")?.language)
        config.vision.imageSize = Self.side
        return config
    }

    private func picture(_ width: Int, _ height: Int, inverted: Bool = false) throws -> Percept.Image {
        let bytes = (0..<width * height * 3).map { index -> UInt8 in
            let (x, y, c) = (index / 3 % width, index / 3 / width, index % 3)
            let value = UInt8((3 * x * x + 5 * y * y + 7 * x * y + 11 * x + 29 * y + 85 * c) % 256)
            return inverted ? 255 - value : value
        }
        return try Image(rgb: bytes, width: width, height: height)
    }

    /// A video in memory.
    private final class Frames: FrameReader {
        let frames: [DecodedFrame]
        init(_ frames: [DecodedFrame]) { self.frames = frames }
        func frame(at index: Int) throws -> DecodedFrame { frames[index] }
    }

    /// What the kernels make of every chunk, taken back to 8 bits.
    private func chunks(_ media: PromptMedia, _ rules: MediaRules, _ limits: MediaLimits) async throws -> [UInt8] {
        let plan = try MediaPlan(media, isAlone: true, rules: rules, limits: limits)
        var levels: [UInt8] = []
        try await MediaChunks(plan, of: media, rules: rules).forEach { _, input in
            var source = [UInt32](repeating: 0, count: input.capacity.sourceWords)
            source.withUnsafeMutableBytes { words in
                for (index, offset) in input.planeOffsets.enumerated() {
                    input.frame.withUnsafeBytes(ofPlane: index) {
                        UnsafeMutableRawBufferPointer(rebasing: words[offset...]).copyMemory(from: $0)
                    }
                }
            }
            var graph = Graph()
            let pixels = graph.preprocess(
                "preprocess", images: 1, height: Self.side, width: Self.side, capacity: input.capacity,
                rounding: rules.rounding(plan.kind)
            ).pixels
            graph.output("pixels", pixels)
            let found = try Evaluation(graph, words: ["header.0": input.header, "source.0": source])["pixels"]
            levels += found.map { UInt8((($0 * 0.5 + 0.5) * 255).rounded()) }
        }
        return levels
    }

    @Test("Chunks equal those of transformers; the original release's differ")
    func chunks() async throws {
        let config = try config()
        let checkpoint = MediaRules(
            config: config, processing: PLMProcessing(pictures: .plm, frames: .plm, sampling: .count(2)))
        let official = MediaRules(config: config, processing: nil)
        let cases = try fixture().cases
        #expect(cases.count >= 15)
        var differing = ["picture": 0, "video": 0]
        for test in cases {
            let limits = MediaLimits(tiles: test.tiles)
            let media: Media
            if test.kind == "picture" {
                media = .image(try picture(test.width, test.height))
            } else {
                let frames = try [false, true].map { try picture(test.width, test.height, inverted: $0).frame }
                media = .video(
                    VideoClip(url: URL(filePath: "/in memory"), frameCount: 2, frameRate: 1) { Frames(frames) })
            }
            let expected = [UInt8](test.pixels)
            #expect(expected.count == test.chunks * 3 * Self.side * Self.side)
            let found = try await chunks(media.prompt, checkpoint, limits)
            #expect(found == expected, "\(test.kind) \(test.width) x \(test.height), \(test.tiles) tiles")
            if try await chunks(media.prompt, official, limits) != expected { differing[test.kind, default: 0] += 1 }
        }
        // Else nothing would tell the two ways apart.
        #expect(differing.values.allSatisfy { $0 > 2 }, "\(differing)")
    }

    @Test("Frames are those that transformers samples")
    func frames() throws {
        for sample in try fixture().samples {
            let sampling: PLMProcessing.Sampling =
                if let count = sample.numFrames { .count(count) } else { .rate(try #require(sample.fps)) }
            let processing = PLMProcessing(pictures: .plm, frames: .plm, sampling: sampling)
            #expect(try processing.frameIndices(count: sample.count, fps: sample.rate) == sample.indices)
        }
        let processing = PLMProcessing(pictures: .plm, frames: .plm, sampling: .count(32))
        #expect(try processing.frameIndices(count: 5, fps: 30) == [0, 1, 2, 3, 4])
        #expect(try processing.frameIndices(count: 100, fps: 30, limit: 2) == [0, 50])
        let rate = PLMProcessing(pictures: .plm, frames: .plm, sampling: .rate(1))
        #expect(throws: PLMInputError.self) { try rate.frameIndices(count: 5, fps: 0) }
    }

    private func processing(_ files: [String: String]) throws -> PLMProcessing? {
        func json(_ name: String) throws -> JSON? {
            try files[name].map { text in try Array(text.utf8).withUnsafeBytes { try JSON($0, file: name) } }
        }
        return try PLMProcessing(
            processor: json("processor_config.json"), preprocessor: json("preprocessor_config.json"),
            videoPreprocessor: json("video_preprocessor_config.json"), directory: "x", side: 448, usualFrames: 32)
    }

    @Test("Processors are read from the files that transformers reads, in its order")
    func files() throws {
        #expect(try processing([:]) == nil)
        #expect(try processing(["processor_config.json": #"{"patch_size": 14}"#]) == nil)
        let nested =
            #"{"image_processor": {"resample": 2}, "video_processor": {"num_frames": 7, "image_mean": [0, 0, 0]}}"#
        let older = #"{"num_frames": 9, "fps": null, "do_center_crop": null}"#
        let both = try #require(
            try processing(["processor_config.json": nested, "video_preprocessor_config.json": older]))
        #expect(both.sampling == .count(7) && both.pictures.filter == .bilinear && both.frames.mean == [0, 0, 0])
        let video = try #require(try processing(["video_preprocessor_config.json": older]))
        #expect(video.sampling == .count(9) && video.pictures == .plm)
        let pictures = try #require(
            try processing(["preprocessor_config.json": #"{"image_std": [1, 1, 1], "fps": 2}"#]))
        #expect(pictures.sampling == .rate(2) && pictures.frames.deviation == [1, 1, 1])
        let bare = try #require(try processing(["preprocessor_config.json": "{}"]))
        #expect(bare.sampling == .count(32))
    }

    @Test(
        "What is not followed is refused by name",
        arguments: [
            #"{"do_resize": false}"#, #"{"do_center_crop": true}"#, #"{"rescale_factor": 0.5}"#, #"{"resample": 1}"#,
            #"{"size": {"shortest_edge": 448}}"#, #"{"size": {"height": 224, "width": 448}}"#, #"{"num_frames": 0}"#,
            #"{"fps": -1}"#, #"{"do_normalize": false}"#,
        ])
    func refused(fields: String) throws {
        do {
            _ = try processing(["video_preprocessor_config.json": fields])
            Issue.record("taken")
        } catch {
            #expect("\(error)".contains("video_preprocessor_config.json"), "\(error)")
        }
    }
}
