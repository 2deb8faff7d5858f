import Foundation
import Percept

/// Pictures from a program's own memory, in every layout that an image takes.
struct PixelChecks {
    let encoder: PerceptionEncoder
    /// Of odd sides, so that halves are rounded.
    private let painting = Painting(width: 61, height: 47)
    /// Bytes behind each row that belong to no pixel.
    private static let padding = 7

    func run() async throws {
        let image = try painting.image()
        try require(image.rgb() == painting.rgb, "an image gives other pixels back than it was made of")
        let expected = try await encoder.embed([image])[0]
        for format in Image.PixelFormat.allCases where format != .grey {
            for padding in [0, Self.padding] {
                for image in try images(format, padding: padding) {
                    let what = "\(format), \(padding) bytes between rows"
                    try require(image.rgb() == painting.rgb, "\(what): other pixels come back")
                    try require(try await encoder.embed([image])[0] == expected, "\(what): another embedding")
                }
            }
        }
        try await checkGrey()
        try await checkPlanes()
    }

    /// Rows of pixels with bytes between them, from an array, from data and from memory.
    private func images(_ format: Image.PixelFormat, padding: Int) throws -> [Image] {
        let (width, height) = (painting.width, painting.height)
        var bytes: [UInt8] = []
        for y in 0..<height {
            for x in 0..<width {
                let place = 3 * (y * width + x)
                let colour = Array(painting.rgb[place..<place + 3])
                switch format {
                case .rgb: bytes += colour
                case .rgba: bytes += colour + [UInt8(x)]
                case .bgra: bytes += colour.reversed() + [UInt8(y)]
                case .grey: bytes.append(colour[1])
                }
            }
            if y < height - 1 { bytes += [UInt8](repeating: 0xEE, count: padding) }
        }
        let rowBytes = padding == 0 ? nil : width * format.bytesPerPixel + padding
        return [
            try Image(pixels: bytes, format: format, width: width, height: height, rowBytes: rowBytes),
            try Image(pixels: Data(bytes), format: format, width: width, height: height, rowBytes: rowBytes),
            try bytes.withUnsafeBytes { memory in
                try Image(pixels: memory, format: format, width: width, height: height, rowBytes: rowBytes)
            },
        ]
    }

    private func checkGrey() async throws {
        let images = try images(.grey, padding: 0) + images(.grey, padding: Self.padding)
        let pixels = images[0].rgb()
        for (place, value) in pixels.enumerated() {
            try require(value == painting.rgb[place / 3 * 3 + 1], "grey: byte \(place) is \(value)")
        }
        let expected = try await encoder.embed([Image(rgb: pixels, width: painting.width, height: painting.height)])[0]
        // One at a time: in a batch the last bits may differ.
        for embedding in try await encoder.embed(images, batch: 1) {
            try require(embedding == expected, "grey: another embedding than the same picture in colour")
        }
    }

    /// One picture in planes: blocks of four pixels have one colour each, so that all formats hold the same.
    private func checkPlanes() async throws {
        let (width, height) = (62, 46)
        func luma(_ x: Int, _ y: Int) -> UInt8 { UInt8(60 + 2 * (x / 2) + (y / 2)) }
        func blue(_ x: Int, _ y: Int) -> UInt8 { UInt8(118 + x / 8) }
        func red(_ x: Int, _ y: Int) -> UInt8 { UInt8(138 - y / 8) }
        func plane(
            _ columns: Int, _ rows: Int, _ across: Int, _ down: Int, _ values: [(Int, Int) -> UInt8]
        ) -> (bytes: Data, rowBytes: Int) {
            var bytes = Data()
            for row in 0..<rows {
                for column in 0..<columns { for value in values { bytes.append(value(column * across, row * down)) } }
                bytes.append(contentsOf: [UInt8](repeating: 0xEE, count: Self.padding))
            }
            return (bytes, columns * values.count + Self.padding)
        }
        var found: [(format: Image.PlaneFormat, image: Image, embedding: Embedding)] = []
        for format in Image.PlaneFormat.allCases {
            let whole = plane(width, height, 1, 1, [luma])
            let planes =
                switch format {
                case .yuv420: [whole] + [blue, red].map { plane(width / 2, height / 2, 2, 2, [$0]) }
                case .yuv422: [whole] + [blue, red].map { plane(width / 2, height, 2, 1, [$0]) }
                case .yuv444: [whole] + [blue, red].map { plane(width, height, 1, 1, [$0]) }
                case .nv12: [whole, plane(width / 2, height / 2, 2, 2, [blue, red])]
                }
            let image = try Image(
                planes: planes, format: format, width: width, height: height, matrix: .bt709, fullRange: true)
            found.append((format, image, try await encoder.embed([image])[0]))
        }
        let first = found[0]
        for (format, image, embedding) in found {
            try require(image.rgb() == first.image.rgb(), "\(format): other pixels than in \(first.format)")
            let similarity = try embedding.similarity(to: first.embedding)
            try require(similarity > 0.9999, "\(format): a cosine of \(similarity) to the embedding in \(first.format)")
        }
        // The matrix of BT.709 for a pixel.
        let (y, cb, cr) = (Double(luma(20, 30)), Double(blue(20, 30)) - 128, Double(red(20, 30)) - 128)
        let wanted = [y + 1.5748 * cr, y - 0.1873 * cb - 0.4681 * cr, y + 1.8556 * cb]
        let place = 3 * (30 * width + 20)
        for (channel, value) in wanted.enumerated() {
            let pixel = Double(first.image.rgb()[place + channel])
            try require(abs(pixel - value) <= 1, "planes: channel \(channel) is \(pixel), not \(value)")
        }
        let same = try Image(rgb: first.image.rgb(), width: width, height: height)
        let similarity = try await encoder.embed([same])[0].similarity(to: first.embedding)
        try require(similarity > 0.999, "planes: a cosine of \(similarity) to the same picture in RGB")
    }
}

/// A picture of the model's own size needs no resizing: the tensor made of it by hand is what the model sees.
func checkTensors(_ encoder: PerceptionEncoder) async throws {
    let (height, width) = encoder.inputSize
    let painting = Painting(width: width, height: height)
    var tensor: [Float] = []
    for channel in 0..<3 {
        for pixel in 0..<width * height { tensor.append((Float(painting.rgb[3 * pixel + channel]) / 255 - 0.5) / 0.5) }
    }
    let found = try await encoder.embed(tensors: [tensor, tensor])
    let expected = try await encoder.embed([painting.image()])[0]
    try require(found.count == 2 && found[0] == found[1], "one tensor has two embeddings")
    let similarity = try found[0].similarity(to: expected)
    try require(similarity > 0.99999, "a cosine of \(similarity) between a tensor and its picture")
}
