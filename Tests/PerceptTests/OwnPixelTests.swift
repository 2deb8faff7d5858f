import Foundation
import Percept
import TestSupport
import Testing

/// Pixels, frames and tensors that a program has made itself.
@Suite("A program's own pixels", .serialized)
struct OwnPixelTests {
    private static let (width, height) = (21, 13)

    private func rgb() -> [UInt8] {
        (0..<3 * Self.width * Self.height).map { UInt8(truncatingIfNeeded: $0 * 37 + $0 / 50 * 11) }
    }

    /// Rows of pixels of `bytes` bytes each, with `padding` bytes of noise behind each row.
    private func rows(_ bytes: Int, padding: Int, _ pixel: (Int) -> [UInt8]) -> [UInt8] {
        (0..<Self.height).flatMap { y in
            (0..<Self.width).flatMap { pixel(y * Self.width + $0) }
                + [UInt8](repeating: 201, count: y == Self.height - 1 ? 0 : padding)
        }
    }

    @Test("The same picture in every layout, with rows apart or not, has the same embedding", arguments: [0, 5])
    func layouts(padding: Int) async throws {
        let encoder = try await PerceptionEncoder(.demo, on: TestModel.gpu(), precision: .f32)
        let (pixels, width, height) = (rgb(), Self.width, Self.height)
        let expected = try await encoder.embed([Image(rgb: pixels, width: width, height: height)])[0]
        for format in Image.PixelFormat.allCases where format != .grey {
            let bytes = rows(format.bytesPerPixel, padding: padding) { place -> [UInt8] in
                let colour = Array(pixels[3 * place..<3 * place + 3])
                // Alpha is not looked at.
                switch format {
                case .rgba: return colour + [UInt8(truncatingIfNeeded: place)]
                case .bgra: return colour.reversed() + [UInt8(truncatingIfNeeded: place)]
                default: return colour
                }
            }
            let rowBytes = width * format.bytesPerPixel + padding
            let image = try Image(
                pixels: Data(bytes), format: format, width: width, height: height, rowBytes: rowBytes)
            #expect(image.rgb() == pixels)
            #expect(try await encoder.embed([image])[0] == expected, "\(format)")
        }
        let grey = rows(1, padding: padding) { [pixels[$0]] }
        let image = try Image(pixels: grey, format: .grey, width: width, height: height, rowBytes: width + padding)
        var repeated: [UInt8] = []
        for place in 0..<width * height { repeated += [pixels[place], pixels[place], pixels[place]] }
        let same = try Image(rgb: repeated, width: width, height: height)
        #expect(try await encoder.embed([image]) == encoder.embed([same]))
    }

    @Test("Planes of brightness and colour are the picture that they stand for", arguments: Image.PlaneFormat.allCases)
    func planes(format: Image.PlaneFormat) async throws {
        let (width, height) = (Self.width, Self.height)
        let (halfWidth, halfHeight) = ((width + 1) / 2, (height + 1) / 2)
        func plane(_ columns: Int, _ rows: Int, _ value: (Int) -> UInt8) -> (bytes: Data, rowBytes: Int) {
            (Data((0..<rows).flatMap { _ in (0..<columns).map(value) + [7, 7, 7] }), columns + 3)
        }
        // One colour: Y 81, Cb 90, Cr 240 is red in video's range.
        let chroma: (columns: Int, rows: Int) =
            switch format {
            case .yuv420, .nv12: (halfWidth, halfHeight)
            case .yuv422: (halfWidth, height)
            case .yuv444: (width, height)
            }
        var planes = [plane(width, height) { _ in 81 }]
        if format == .nv12 {
            planes.append(plane(2 * chroma.columns, chroma.rows) { $0 % 2 == 0 ? 90 : 240 })
        } else {
            planes.append(plane(chroma.columns, chroma.rows) { _ in 90 })
            planes.append(plane(chroma.columns, chroma.rows) { _ in 240 })
        }
        let image = try Image(planes: planes, format: format, width: width, height: height)
        let found = image.rgb()
        for (index, value) in found.enumerated() {
            #expect(abs(Int(value) - [254, 0, 0][index % 3]) <= 1, "\(index): \(value)")
        }
        let encoder = try await PerceptionEncoder(.demo, on: TestModel.gpu(), precision: .f32)
        let red = try Image(rgb: found, width: width, height: height)
        let (one, other) = (try await encoder.embed([image])[0], try await encoder.embed([red])[0])
        #expect(try one.similarity(to: other) > 0.9999)
        #expect(throws: PerceptError.self) {
            try Image(planes: [planes[0]], format: format, width: width, height: height)
        }
        #expect(throws: PerceptError.self) {
            try Image(planes: planes, format: format, width: width + 8, height: height)
        }
    }

    @Test("Sizes that do not fit are refused by name")
    func refused() throws {
        for (count, width, height, rowBytes) in [
            (11, 2, 2, nil), (12, 0, 2, nil), (12, 2, -2, nil), (12, 2, 2, 5), (12, 1 << 20, 1 << 20, nil),
            (12, 2, 2, Int.max), (0, 1, 1, nil),
        ] as [(Int, Int, Int, Int?)] {
            let error = #expect(throws: PerceptError.self, "\(count) \(width) \(height)") {
                try Image(
                    pixels: [UInt8](repeating: 0, count: count), format: .rgb, width: width, height: height,
                    rowBytes: rowBytes)
            }
            #expect(error?.code == .usage)
        }
    }

    @Test("A part of a picture has its pixels; what lies outside is refused")
    func crops() throws {
        let pixels = rgb()
        let image = try Image(rgb: pixels, width: Self.width, height: Self.height)
        let part = try image.cropped(to: #require(Region(left: 3.4, top: 2, right: 8.6, bottom: 40)))
        #expect(part.width == 6 && part.height == 11)
        var expected: [UInt8] = []
        for y in 2..<13 {
            let start = 3 * (y * Self.width + 3)
            expected += pixels[start..<start + 18]
        }
        #expect(part.rgb() == expected)
        #expect(throws: PerceptError.self) {
            try image.cropped(to: #require(Region(left: 30, top: 0, right: 40, bottom: 5)))
        }
    }

    @Test("Preprocessed tensors give the embedding of the picture that they were made of")
    func tensors() async throws {
        let encoder = try await PerceptionEncoder(.demo, on: TestModel.gpu(), precision: .f32)
        let (height, width) = encoder.inputSize
        let pixels = (0..<3 * width * height).map { place -> UInt8 in
            let (column, channel) = (place / 3 % width, place % 3)
            return UInt8(truncatingIfNeeded: column * 3 + channel * 40)
        }
        let image = try Image(rgb: pixels, width: width, height: height)
        var tensor: [Float] = []
        for channel in 0..<3 {
            for place in 0..<width * height { tensor.append((Float(pixels[3 * place + channel]) / 255 - 0.5) / 0.5) }
        }
        let found = try await encoder.embed(tensors: [tensor, tensor])
        let expected = try await encoder.embed([image])[0]
        #expect(found[0] == found[1])
        #expect(zip(found[0].values, expected.values).allSatisfy { abs($0 - $1) < 1e-5 })
        await #expect(throws: PerceptError.self) { try await encoder.embed(tensors: [[0]]) }
        let labels = try await encoder.embed(texts: ["a", "b"])
        let logits = encoder.logits([expected], labels)[0]
        let sum = logits.reduce(0) { $0 + exp(Double($1)) }
        for (logit, probability) in zip(logits, encoder.probabilities([expected], labels)[0]) {
            #expect(abs(exp(Double(logit)) / sum - Double(probability)) < 1e-6)
        }
    }

    @Test("Embeddings know their model: others are not compared, and they survive being written down")
    func embeddings() async throws {
        let encoder = try await PerceptionEncoder(.demo, on: TestModel.gpu())
        let found = try await encoder.embed(texts: ["a"])[0]
        #expect(found.model == encoder.modelName)
        let coded = try JSONDecoder().decode(Embedding.self, from: JSONEncoder().encode(found))
        #expect(coded == found && coded.model == found.model)
        let other = Embedding(found.values, model: "another")
        let error = #expect(throws: PerceptError.self) { try found.similarity(to: other) }
        #expect(error?.message.contains("another") == true)
        #expect(try found.similarity(to: Embedding(found.values)) > 0.999)
        #expect("\(found)".contains("128 values"))
    }

    @Test("Frames of a program's own are encoded like any; one without room is counted as dropped")
    func frames() async throws {
        let encoder = try await PerceptionEncoder(.demo, on: TestModel.gpu())
        let images = try (0..<5).map { try Image.waves(40 + $0, 30) }
        var options = StreamOptions()
        options.everyFrame = true
        let pictures = AsyncStream<Image> { continuation in
            for image in images { continuation.yield(image) }
            continuation.finish()
        }
        let found = await (try encoder.watch(FrameSource(pictures), options: options)).collect()
        #expect(found.error == nil && found.frames.count == images.count)
        let alone = try await encoder.embed(images, batch: 1)
        #expect(found.frames.map(\.embedding) == alone)
        // Nobody watches yet: two wait, the third has no room.
        let input = FrameInput(name: "mine", width: 40, height: 30)
        let taken = images[..<3].map { input.offer($0) }
        #expect(taken == [true, true, false])
        #expect(input.source.name == "mine")
        input.finish()
        #expect(!input.offer(images[0]))
        let rest = await (try encoder.watch(input.source, options: options)).collect()
        #expect(rest.frames.count == 2)
    }
}
