import Foundation
import Percept
import PerceptEngine
import PerceptFrame
import PerceptGraph
import PerceptMedia
import PerceptModels
import TestSupport
import Testing

/// Frames as running sources give them: their colours beside FFmpeg's, and their labels beside those of files.
@Suite("Live frames")
struct LiveFrameTests {
    /// Samples of one picture in any layout, each plane behind the other with some bytes to spare in a row.
    private final class Planes: FrameStorage {
        let planes: [(bytes: [UInt8], rowBytes: Int)]

        init(_ planes: [(bytes: [UInt8], rowBytes: Int)]) { self.planes = planes }

        func rowBytes(ofPlane index: Int) -> Int { planes[index].rowBytes }

        func withUnsafeStart<Result, Failure>(
            ofPlane index: Int, _ body: (UnsafeRawPointer) throws(Failure) -> Result
        ) throws(Failure) -> Result {
            let result: Swift.Result<Result, Failure> = planes[index].bytes.withUnsafeBytes { bytes in
                guard let start = bytes.baseAddress else { preconditionFailure("a plane without samples") }
                do throws(Failure) { return .success(try body(start)) } catch { return .failure(error) }
            }
            return try result.get()
        }
    }

    enum Content: CaseIterable {
        /// Every sample by chance, as far as the range allows.
        case noise
        /// Slow waves and sharp edges, of luma and of chroma.
        case edges
    }

    private struct Generator {
        var state: UInt64

        mutating func next() -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33)
        }
    }

    private static func frame(
        _ layout: DecodedFrame.Layout, _ width: Int, _ height: Int, _ content: Content,
        _ matrix: DecodedFrame.ColorMatrix, fullRange: Bool, _ siting: DecodedFrame.ChromaSiting
    ) -> DecodedFrame {
        var generator = Generator(state: UInt64(width * 7919 + height))
        let (lumaRange, chromaRange) = fullRange ? (0...255, 0...255) : (16...235, 16...240)
        let (halfWidth, halfHeight) = ((width + 1) / 2, (height + 1) / 2)
        func sample(_ component: Int, _ x: Int, _ y: Int) -> UInt8 {
            let range = component == 0 ? lumaRange : chromaRange
            switch content {
            case .noise: return UInt8(range.lowerBound + generator.next() % range.count)
            case .edges:
                let wave = 0.5 + 0.4 * sin(Double(x) / 5 + Double(component)) * cos(Double(y) / 7)
                let isInside = (x / 9 + y / 11 + component) % 3 == 0
                let value = isInside ? 1 - wave : wave
                return UInt8(Double(range.lowerBound) + value * Double(range.count - 1))
            }
        }
        /// A plane of interleaved components.
        func plane(_ components: [Int], _ width: Int, _ height: Int) -> (bytes: [UInt8], rowBytes: Int) {
            let rowBytes = components.count * width + 13
            // FFmpeg reads in vectors, beyond the last sample.
            var bytes = [UInt8](repeating: 77, count: rowBytes * height + 64)
            for y in 0..<height {
                for x in 0..<width {
                    for (offset, component) in components.enumerated() {
                        bytes[y * rowBytes + x * components.count + offset] = sample(component, x, y)
                    }
                }
            }
            return (bytes, rowBytes)
        }
        let planes: [(bytes: [UInt8], rowBytes: Int)] =
            switch layout {
            case .yuv420p: [plane([0], width, height)] + [1, 2].map { plane([$0], halfWidth, halfHeight) }
            case .yuv422p: [plane([0], width, height)] + [1, 2].map { plane([$0], halfWidth, height) }
            case .nv12: [plane([0], width, height), plane([1, 2], halfWidth, halfHeight)]
            default: [plane([0, 1, 0, 2], halfWidth, height)]
            }
        return DecodedFrame(
            Planes(planes), width: width, height: height, layout: layout, colorMatrix: matrix, fullRange: fullRange,
            chromaSiting: siting, resampling: .color, orientation: 1)
    }

    /// What the kernels make of a frame at its own size: R, G and B, row by row.
    private func converted(_ frame: DecodedFrame) throws -> [UInt8] {
        let (width, height) = (frame.width, frame.height)
        let input = ImageInput(
            frame, height: height, width: width,
            transform: ImageTransform(filter: .nearest, fit: .squash, mean: [0, 0, 0], deviation: [1, 1, 1]),
            tables: ResizeTables(width: (width, width), height: (height, height), filter: .nearest),
            premultipliesAlpha: false)
        var source = [UInt32](repeating: 0, count: input.capacity.sourceWords)
        source.withUnsafeMutableBytes { words in
            for (index, offset) in input.planeOffsets.enumerated() {
                frame.withUnsafeBytes(ofPlane: index) {
                    UnsafeMutableRawBufferPointer(rebasing: words[offset...]).copyMemory(from: $0)
                }
            }
        }
        var graph = Graph()
        graph.output(
            "pixels",
            graph.preprocess("preprocess", images: 1, height: height, width: width, capacity: input.capacity).pixels)
        let found = try Evaluation(graph, words: ["header.0": input.header, "source.0": source])["pixels"]
        let area = width * height
        return (0..<3 * area).map { UInt8((found[$0 % 3 * area + $0 / 3] * 255).rounded()) }
    }

    /// At least 99.9 % of channels within 2 of FFmpeg's, and none further than 6.
    private func compare(_ frame: DecodedFrame, _ what: String) throws {
        let differences = zip(try converted(frame), try SoftwareScaler.rgb(frame)).map { abs(Int($0) - Int($1)) }
        #expect(differences.count == 3 * frame.width * frame.height)
        let worst = differences.max() ?? 0
        let beyond = differences.count { $0 > 2 }
        #expect(
            worst <= 6 && 1000 * beyond <= differences.count,
            "\(what): \(beyond) of \(differences.count) channels are further than 2 off, one \(worst)")
    }

    @Test(
        arguments: [DecodedFrame.Layout.yuv420p, .yuv422p, .nv12, .yuyv422],
        [DecodedFrame.ColorMatrix.bt601, .bt709])
    func coloursAreThoseOfSwscale(_ layout: DecodedFrame.Layout, _ matrix: DecodedFrame.ColorMatrix) throws {
        for fullRange in [false, true] {
            for siting in [DecodedFrame.ChromaSiting.left, .center] {
                for content in Content.allCases {
                    // Of odd sides libswscale stretches the chroma a little; `PixelTests` has those.
                    for (width, height) in [(64, 48), (66, 34), (160, 120)] {
                        try compare(
                            Self.frame(layout, width, height, content, matrix, fullRange: fullRange, siting),
                            "\(width) x \(height) \(content), full range \(fullRange), \(siting)")
                    }
                }
            }
        }
    }

    /// Photographs out of an MJPEG decoder, 4:2:0 and 4:2:2.
    @Test(arguments: ["astronaut.jpg", "chelsea.jpg", "coffee.jpg", "formats/422.jpg"])
    func motionJPEGColoursAreThoseOfSwscale(_ name: String) throws {
        var options = LiveOptions()
        options.asFastAsPossible = true
        let source = try LiveInput.open(TestModel.media.appending(path: name).path, options)
        guard case .frame(let frame)? = try source.next() else {
            Issue.record("no frame")
            return
        }
        #expect(frame.frame.fullRange && frame.frame.colorMatrix == .bt601 && frame.frame.chromaSiting == .center)
        try compare(Self.evenPart(frame.frame), name)
    }

    /// The frame without a last row or column to which no pair belongs: there libswscale stretches the chroma.
    private static func evenPart(_ frame: DecodedFrame) -> DecodedFrame {
        let (width, height) = (frame.width / 2 * 2, frame.height / 2 * 2)
        let planes = frame.planes.enumerated().map { index, plane -> (bytes: [UInt8], rowBytes: Int) in
            let rows = index == 0 || frame.layout == .yuv422p ? height : height / 2
            let bytes = frame.withUnsafeBytes(ofPlane: index) { Array($0.prefix(rows * plane.rowBytes)) }
            return (bytes + [UInt8](repeating: 0, count: plane.rowBytes), plane.rowBytes)
        }
        return DecodedFrame(
            Planes(planes), width: width, height: height, layout: frame.layout, colorMatrix: frame.colorMatrix,
            fullRange: frame.fullRange, chromaSiting: frame.chromaSiting, resampling: .color, orientation: 1)
    }

    @Test(
        arguments: ["yuv420p", "nv12", "yuyv422", "rgb24"],
        [("limited", "bt601"), ("full", "bt601"), ("limited", "bt709"), ("full", "bt709")])
    func labelsAreThoseOfTheSameFramesAsPNG(_ layout: String, _ code: (range: String, matrix: String)) async throws {
        let encoder = try await PerceptionEncoder(.demo, on: TestModel.gpu(), precision: .f16)
        let labels = try await encoder.embed(texts: TestScene.labels)
        var options = LiveOptions()
        options.asFastAsPossible = true
        let source = try #require(
            try LiveInput.open(
                "test:?size=640x360&rate=4&hold=1&frames=32&layout=\(layout)&range=\(code.range)&matrix=\(code.matrix)",
                options) as? TestSource)
        let folder = try TemporaryFolder()
        var right = 0
        while case .frame(let frame)? = source.next() {
            let png = try PNGWriter.encode(
                SoftwareScaler.rgb(frame.frame), width: frame.frame.width, height: frame.frame.height)
            let file = try folder.write(png, "\(frame.number).png")
            let image = try Image(contentsOf: URL(filePath: file))
            let found = try await encoder.classify([Image(frame.frame), image], labels: labels)
            let worst = zip(found[0], found[1]).map { abs($0 - $1) }.max() ?? 1
            // The bound on f16's probabilities in `DemoModelTests`.
            #expect(worst <= 0.03, "frame \(frame.number): a probability is off by \(worst)")
            let choice = found[0].indices.max { found[0][$0] < found[0][$1] } ?? 0
            #expect(found[1].indices.max { found[1][$0] < found[1][$1] } == choice)
            if TestScene.labels[choice] == source.scene.label(at: frame.time) { right += 1 }
        }
        #expect(right == 32, "\(right) of 32 frames are named right")
    }

    /// Pictures decoded from H.264.
    @Test func labelsOfDecodedVideoAreThoseOfTheSameFramesAsPNG() async throws {
        let encoder = try await PerceptionEncoder(.demo, on: TestModel.gpu(), precision: .f16)
        let captions = ["a purple circle", "a yellow circle", "a purple square", "two green hearts on the left"]
        let labels = try await encoder.embed(texts: captions)
        var options = LiveOptions()
        options.asFastAsPossible = true
        let demo = TestModel.media.deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Tools/demo-files/a-purple-circle-sliding.mp4")
        let source = try LiveInput.open(demo.path, options)
        let folder = try TemporaryFolder()
        var count = 0
        while let event = try source.next() {
            guard case .frame(let frame) = event else { continue }
            let png = try PNGWriter.encode(
                SoftwareScaler.rgb(frame.frame), width: frame.frame.width, height: frame.frame.height)
            let image = try Image(contentsOf: URL(filePath: try folder.write(png, "\(frame.number).png")))
            let found = try await encoder.classify([Image(frame.frame), image], labels: labels)
            let worst = zip(found[0], found[1]).map { abs($0 - $1) }.max() ?? 1
            #expect(worst <= 0.03, "frame \(frame.number): a probability is off by \(worst)")
            count += 1
        }
        #expect(count == 48)
    }
}
