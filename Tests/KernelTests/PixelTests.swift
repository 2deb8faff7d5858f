import Foundation
import PerceptGraph
import PerceptModels
import TestSupport
import Testing

/// From decoded planes to normalised pixels, bit for bit.
@Suite("Pixels")
struct PixelTests {
    struct Plane {
        var bytes: [UInt8]
        var stride: Int
    }

    /// One decoded image, with a few bytes of filling behind each row.
    struct Picture {
        let layout: PixelHeader.Layout
        let width: Int
        let height: Int
        var planes: [Plane]

        init(_ layout: PixelHeader.Layout, _ width: Int, _ height: Int) {
            self.layout = layout
            self.width = width
            self.height = height
            let half = ((width + 1) / 2, (height + 1) / 2)
            let sizes: [(Int, Int)] =
                switch layout {
                case .rgb8: [(3 * width, height)]
                case .rgba8: [(4 * width, height)]
                case .grey8: [(width, height)]
                case .yuv420: [(width, height), half, half]
                case .yuv422: [(width, height), (half.0, height), (half.0, height)]
                case .yuv444: [(width, height), (width, height), (width, height)]
                case .nv12: [(width, height), (2 * half.0, half.1)]
                case .yuyv: [(4 * half.0, height)]
                }
            planes = sizes.enumerated().map { index, size in
                let stride = size.0 + 3
                let step = 91 + 13 * index
                let bytes = (0..<stride * size.1).map { i -> UInt8 in
                    UInt8(truncatingIfNeeded: i * i * 7 + i * step + 40 * index)
                }
                return Plane(bytes: bytes, stride: stride)
            }
        }

        var chromaSize: (width: Int, height: Int) {
            let halfWidth = (width + 1) / 2, halfHeight = (height + 1) / 2
            return switch layout {
            case .yuv420, .nv12: (halfWidth, halfHeight)
            case .yuv422, .yuyv: (halfWidth, height)
            default: (width, height)
            }
        }

        func chroma(_ plane: Int, _ x: Int, _ y: Int) -> Int {
            let size = chromaSize
            let (x, y) = (min(max(x, 0), size.width - 1), min(max(y, 0), size.height - 1))
            if layout == .nv12 { return Int(planes[1].bytes[y * planes[1].stride + 2 * x + plane - 1]) }
            if layout == .yuyv { return Int(planes[0].bytes[y * planes[0].stride + 4 * x + 2 * plane - 1]) }
            return Int(planes[plane].bytes[y * planes[plane].stride + x])
        }

        /// libjpeg's interpolation of one chroma sample: the filter 3/4, 1/4 across and down, with alternating rounding;
        /// rows of one or two samples are repeated (libjpeg-turbo: jdsample.c).
        func centredChroma(_ plane: Int, _ x: Int, _ y: Int) -> Int {
            let size = chromaSize
            guard layout != .yuv444 else { return chroma(plane, x, y) }
            let down = layout != .yuv422 && layout != .yuyv
            guard size.width > 2 else { return chroma(plane, x / 2, down ? y / 2 : y) }
            let side = min(max(x % 2 == 0 ? x / 2 - 1 : x / 2 + 1, 0), size.width - 1)
            guard down else {
                return (3 * chroma(plane, x / 2, y) + chroma(plane, side, y) + (x % 2 == 0 ? 1 : 2)) >> 2
            }
            let far = y % 2 == 0 ? y / 2 - 1 : y / 2 + 1
            func column(_ x: Int) -> Int { 3 * chroma(plane, x, y / 2) + chroma(plane, x, far) }
            return (3 * column(x / 2) + column(side) + (x % 2 == 0 ? 8 : 7)) >> 4
        }

        /// Chroma on every second luma sample of a row, between the rows.
        func leftChroma(_ plane: Int, _ x: Int, _ y: Int) -> Int {
            guard layout != .yuv444 else { return chroma(plane, x, y) }
            let odd = x % 2 != 0
            guard layout != .yuv422 && layout != .yuyv else {
                return odd ? (chroma(plane, x / 2, y) + chroma(plane, x / 2 + 1, y) + 1) >> 1 : chroma(plane, x / 2, y)
            }
            let far = y % 2 == 0 ? y / 2 - 1 : y / 2 + 1
            func column(_ x: Int) -> Int { 3 * chroma(plane, x, y / 2) + chroma(plane, x, far) }
            return odd ? (column(x / 2) + column(x / 2 + 1) + 4) >> 3 : (column(x / 2) + 2) >> 2
        }

        func rgb(_ x: Int, _ y: Int, centred: Bool) -> [UInt8] {
            let row = planes[0].bytes[(y * planes[0].stride)...]
            func byte(_ offset: Int) -> UInt8 { row[row.startIndex + offset] }
            switch layout {
            case .rgb8: return (0..<3).map { byte(3 * x + $0) }
            case .rgba8: return (0..<3).map { byte(4 * x + $0) }
            case .grey8: return [byte(x), byte(x), byte(x)]
            default:
                let luma = Int(byte(layout == .yuyv ? 2 * x : x))
                let cb = (centred ? centredChroma(1, x, y) : leftChroma(1, x, y)) - 128
                let cr = (centred ? centredChroma(2, x, y) : leftChroma(2, x, y)) - 128
                // JFIF in libjpeg's 16-bit fixed point (libjpeg-turbo: jdcolor.c).
                return [91881 * cr, -22554 * cb - 46802 * cr, 116130 * cb].map {
                    UInt8(min(max(luma + ($0 + 32768) >> 16, 0), 255))
                }
            }
        }

        /// Coded position of an upright pixel.
        static func coded(_ orientation: Int, _ x: Int, _ y: Int, _ width: Int, _ height: Int) -> (Int, Int) {
            var (x, y) = orientation >= 5 ? (y, x) : (x, y)
            if [2, 3, 7, 8].contains(orientation) { x = width - 1 - x }
            if [3, 4, 6, 7].contains(orientation) { y = height - 1 - y }
            return (x, y)
        }
    }

    /// Resized pixels, 8 bits a channel, row by row as RGB.
    private func run(
        _ picture: Picture, orientation: Int = 1, to size: (width: Int, height: Int)? = nil,
        filter: ResampleTable.Filter = .nearest, centred: Bool = true, premultiplies: Bool = false,
        rounding: ResizeRounding = .eachPass, crop: (width: Range<Int>, height: Range<Int>)? = nil,
        layouts: PixelLayouts? = nil
    ) throws -> [UInt8] {
        var offsets: [Int] = []
        var bytes: [UInt8] = []
        for plane in picture.planes {
            offsets.append(bytes.count)
            bytes += plane.bytes
        }
        var header = PixelHeader(
            layout: picture.layout, codedWidth: picture.width, codedHeight: picture.height, orientation: orientation,
            planes: zip(offsets, picture.planes).map { ($0, $1.stride) },
            colour: .init(kr: 0.299, kb: 0.114, fullRange: true), chromaIsCentred: centred,
            premultipliesAlpha: premultiplies, image: 0, resultWidth: 1, resultHeight: 1, mean: [0, 0, 0],
            deviation: [1, 1, 1])
        let result = size ?? (header.uprightWidth, header.uprightHeight)
        header.resultWidth = crop?.width.count ?? result.width
        header.resultHeight = crop?.height.count ?? result.height
        let words = header.words(
            ResizeTables(
                width: (header.uprightWidth, result.width), height: (header.uprightHeight, result.height),
                crop: crop, filter: filter))
        bytes += [UInt8](repeating: 0, count: 4 - bytes.count % 4)
        let source = (0..<bytes.count / 4).map { word in
            bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 4 * word, as: UInt32.self) }
        }
        var graph = Graph()
        let capacity = PixelCapacity(
            headerWords: words.count, sourceWords: source.count, pixels: picture.width * picture.height,
            side: max(picture.width, picture.height), layouts: layouts ?? PixelLayouts(picture.layout))
        let pixels = graph.preprocess(
            "preprocess", images: 1, height: header.resultHeight, width: header.resultWidth, capacity: capacity,
            rounding: rounding
        ).pixels
        graph.output("pixels", pixels)
        let found = try Evaluation(graph, words: ["header.0": words, "source.0": source])["pixels"]
        let area = header.resultWidth * header.resultHeight
        return (0..<3 * area).map { UInt8((found[$0 % 3 * area + $0 / 3] * 255).rounded()) }
    }

    static let layouts: [PixelHeader.Layout] = [.rgb8, .rgba8, .grey8, .yuv420, .yuv422, .yuv444, .nv12, .yuyv]

    @Test("unpacking every layout at odd sizes", arguments: layouts, [true, false])
    func unpack(layout: PixelHeader.Layout, centred: Bool) throws {
        for (width, height) in [(1, 1), (2, 2), (3, 4), (4, 3), (5, 5), (17, 9), (29, 11), (24, 6), (6, 1), (1, 6)] {
            let picture = Picture(layout, width, height)
            let expected = (0..<width * height).flatMap { picture.rgb($0 % width, $0 / width, centred: centred) }
            // Alone, with another, and as any.
            for layouts in [PixelLayouts(layout), [PixelLayouts(layout), PixelLayouts(.yuv444)], .all] {
                let found = try run(picture, centred: centred, layouts: layouts)
                #expect(found == expected, "\(width) x \(height), \(layouts)")
            }
        }
    }

    @Test("all orientations", arguments: 1...8)
    func orientations(orientation: Int) throws {
        for layout in [PixelHeader.Layout.rgb8, .yuv420] {
            let picture = Picture(layout, 7, 5)
            let found = try run(picture, orientation: orientation)
            let (width, height) = orientation < 5 ? (7, 5) : (5, 7)
            let expected = (0..<width * height).flatMap { index -> [UInt8] in
                let (x, y) = Picture.coded(orientation, index % width, index / width, 7, 5)
                return picture.rgb(x, y, centred: true)
            }
            #expect(found == expected)
        }
    }

    struct PillowFile: Decodable {
        struct Case: Decodable {
            let mode, filter: String
            let size, result: [Int]
            let pixels: Data
        }
        let cases: [Case]
    }

    /// Tools/fixtures/resize.py
    @Test("resizing equals Pillow's", arguments: ["RGB", "L", "RGBA"], ["bilinear", "bicubic"])
    func resize(mode: String, filter: String) throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/resize/pillow.json")
        let cases = try JSONDecoder().decode(PillowFile.self, from: Data(contentsOf: file)).cases
            .filter { $0.mode == mode && $0.filter == filter }
        #expect(cases.count >= 10)
        for test in cases {
            let (width, height) = (test.size[0], test.size[1])
            var picture = Picture(mode == "RGB" ? .rgb8 : mode == "L" ? .grey8 : .rgba8, width, height)
            let channels = mode == "RGB" ? 3 : mode == "L" ? 1 : 4
            picture.planes = [Plane(bytes: source(mode, width, height, channels), stride: channels * width)]
            let found = try run(
                picture, to: (test.result[0], test.result[1]), filter: filter == "bilinear" ? .bilinear : .bicubic,
                // Pillow copies an image that already has its size.
                premultiplies: mode == "RGBA" && test.size != test.result)
            let pillow = [UInt8](test.pixels)
            let expected = mode == "L" ? pillow.flatMap { [$0, $0, $0] } : pillow
            let differing = zip(found, expected).count { $0 != $1 }
            #expect(found.count == expected.count && differing == 0, "\(test.size) to \(test.result): \(differing)")
        }
    }

    @Test("frames of a video as PyTorch resizes them: at most one level off, and that rarely")
    func frames() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "Fixtures/resize/pillow.json")
        let cases = try JSONDecoder().decode(PillowFile.self, from: Data(contentsOf: file)).cases
            .filter { $0.filter == "frame" }
        #expect(cases.count >= 5)
        for test in cases {
            var picture = Picture(.rgb8, test.size[0], test.size[1])
            picture.planes = [Plane(bytes: source("RGB", test.size[0], test.size[1], 3), stride: 3 * test.size[0])]
            let found = try run(picture, to: (test.result[0], test.result[1]), filter: .bicubic, rounding: .once)
            let differences = zip(found, [UInt8](test.pixels)).map { abs(Int($0) - Int($1)) }
            #expect(found.count == test.pixels.count && differences.max() ?? 9 <= 1, "\(test.size)")
            #expect(differences.count { $0 > 0 } <= max(1, differences.count / 200), "\(test.size)")
        }
    }

    @Test("tiles are cut from the picture resized as a whole")
    func tiles() throws {
        for (width, height) in [(50, 31), (20, 90), (200, 64)] {
            let picture = Picture(.rgb8, width, height)
            let (columns, rows, side) = (3, 2, 16)
            let full = (width: columns * side, height: rows * side)
            let whole = try run(picture, to: full, filter: .bicubic)
            for tile in 0..<columns * rows {
                let (x, y) = (tile % columns * side, tile / columns * side)
                let found = try run(
                    picture, to: full, filter: .bicubic, crop: (x..<x + side, y..<y + side))
                let expected = (0..<side * side).flatMap { index -> [UInt8] in
                    let pixel = (y + index / side) * full.width + x + index % side
                    return Array(whole[3 * pixel..<3 * pixel + 3])
                }
                #expect(found == expected, "\(width) x \(height), tile \(tile)")
            }
        }
    }

    private func source(_ mode: String, _ width: Int, _ height: Int, _ channels: Int) -> [UInt8] {
        (0..<width * height * channels).map { index in
            let (x, y, c) = (index / channels % width, index / channels / width, index % channels)
            if c == 3 {
                let alpha = (37 * x + 59 * y + 40) % 320
                return UInt8(alpha < 32 ? 0 : min(alpha - 32, 255))
            }
            let products = 3 * x * x + 5 * y * y + 7 * x * y
            return UInt8((products + 11 * x + 29 * y + 85 * c) % 256)
        }
    }

    @Test("images of a batch do not mix, and pixels are normalised")
    func batch() throws {
        var graph = Graph()
        var words: [String: [UInt32]] = [:]
        let capacity = PixelCapacity(
            headerWords: 200, sourceWords: 64, pixels: 60, side: 10, layouts: .all)
        for image in 0..<3 {
            let header = PixelHeader(
                layout: .grey8, codedWidth: 5 + image, codedHeight: 4, orientation: 1, planes: [(0, 5 + image)],
                colour: .init(kr: 0.299, kb: 0.114, fullRange: true), chromaIsCentred: true, premultipliesAlpha: false,
                image: image, resultWidth: 5, resultHeight: 3, mean: [0.25, 0.5, 0.75], deviation: [0.5, 0.25, 2])
            let header0 = header.words(
                ResizeTables(width: (5 + image, 5), height: (4, 3), filter: .bilinear))
            words["header.\(image)"] = header0 + [UInt32](repeating: 0, count: 200 - header0.count)
            words["source.\(image)"] = [UInt32](repeating: UInt32(40 * (image + 1)) * 0x0101_0101, count: 64)
        }
        graph.output(
            "pixels", graph.preprocess("preprocess", images: 3, height: 3, width: 5, capacity: capacity).pixels)
        let found = try Evaluation(graph, words: words)["pixels"]
        for (index, value) in found.enumerated() {
            let (image, channel) = (index / 45, index / 15 % 3)
            let grey = Double(40 * (image + 1)) / 255
            let expected = (grey - [0.25, 0.5, 0.75][channel]) / [0.5, 0.25, 2][channel]
            #expect(abs(Double(value) - expected) < 1e-6)
        }
    }
}
