import Foundation
import Percept

/// Arrays, recordings and pictures as files.
struct FileChecks {
    let encoder: PerceptionEncoder
    let folder: URL

    func run() async throws {
        let images = try (0..<3).map { try Painting(width: 40, height: 30, shift: 5 * $0).image() }
        let embeddings = try await encoder.embed(images)
        try checkArray(embeddings)
        try checkTensors(embeddings)
        try checkUnfinished()
        try checkRecording(embeddings)
        try checkPictures(images)
        try require(
            MediaSupport.libraries.contains { $0.name == "libavcodec" && !$0.version.isEmpty },
            "FFmpeg's libraries are \(MediaSupport.libraries)")
    }

    private func checkArray(_ embeddings: [Embedding]) throws {
        let url = folder.appending(path: "embeddings.npy")
        let width = encoder.embeddingWidth
        var file = try ArrayWriter(to: url, arrays: [.init("embeddings", [embeddings.count, width])])
        for embedding in embeddings {
            try require(!FileManager.default.fileExists(atPath: url.path), "an unfinished file has its name")
            try file.write(embedding.values)
        }
        try file.finish()
        let bytes = try Data(contentsOf: url)
        let start = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
        let header = String(decoding: bytes[10..<start], as: UTF8.self)
        try require(bytes.prefix(6) == Data([0x93]) + Data("NUMPY".utf8) && start % 64 == 0, "no .npy header")
        try require(
            header.contains("'<f4'") && header.contains("(\(embeddings.count), \(width))"), "a header of \(header)")
        try require(Self.floats(bytes[start...]) == embeddings.flatMap(\.values), ".npy: other numbers")
    }

    private func checkTensors(_ embeddings: [Embedding]) throws {
        let url = folder.appending(path: "embeddings.safetensors")
        let (all, one) = (embeddings.flatMap(\.values), embeddings[0].values)
        var file = try ArrayWriter(
            to: url, arrays: [.init("all", [embeddings.count, one.count]), .init("first", [one.count])],
            metadata: ["model": encoder.modelName])
        // Parts of any length, as they come.
        try file.write(Array(all.prefix(7)))
        try file.write(Array(all.dropFirst(7)) + one)
        try file.finish()
        let bytes = try Data(contentsOf: url)
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try unwrap(
            try JSONSerialization.jsonObject(with: bytes[8..<8 + length]) as? [String: [String: Any]],
            ".safetensors: no header")
        try require(header["__metadata__"]?["model"] as? String == encoder.modelName, "no metadata in \(header)")
        try require(header["all"]?["shape"] as? [Int] == [embeddings.count, one.count], "no shape in \(header)")
        try require(Self.floats(bytes[(8 + length)...]) == all + one, ".safetensors: other numbers")
    }

    /// What is not finished leaves nothing, and what does not fit is refused.
    private func checkUnfinished() throws {
        let url = folder.appending(path: "never.npy")
        do {
            var file = try ArrayWriter(to: url, arrays: [.init("x", [2, 2])])
            try file.write([1, 2, 3])
            try expect(.usage, .other, "a file of which a number is missing") { try file.finish() }
            try expect(.usage, .other, "too many numbers") { try file.write([4, 5]) }
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        try require(!names.contains { $0.contains("never") }, "an unfinished file left something in \(names)")
        try expect(.usage, .other, "a format that there is not") {
            _ = try ArrayWriter(to: folder.appending(path: "x.csv"), arrays: [.init("x", [1])])
        }
        try expect(.usage, .other, "two arrays in an .npy") {
            _ = try ArrayWriter(to: url, arrays: [.init("x", [1]), .init("y", [1])])
        }
    }

    private func checkRecording(_ embeddings: [Embedding]) throws {
        let url = folder.appending(path: "stream.npy")
        var recording = try EmbeddingRecording(to: url, width: encoder.embeddingWidth)
        for (frame, embedding) in embeddings.enumerated() {
            try recording.append(frame: frame, time: Double(frame) / 4, embedding: embedding)
        }
        try recording.finish()
        let bytes = try Data(contentsOf: url)
        let start = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
        let header = String(decoding: bytes[10..<start], as: UTF8.self)
        try require(header.contains("(\(embeddings.count),)"), "a recording's header of \(header)")
        let row = 16 + 4 * encoder.embeddingWidth
        try require(bytes.count == start + embeddings.count * row, "a recording of \(bytes.count) bytes")
        let last = bytes[(start + (embeddings.count - 1) * row)...]
        try require(
            last.first == UInt8(embeddings.count - 1), "the last row begins with \(String(describing: last.first))")
        try require(Self.floats(last.dropFirst(16)) == embeddings.last?.values, "a recording of other numbers")
    }

    private func checkPictures(_ images: [Image]) throws {
        let pictures = folder.appending(path: "pictures")
        try FileManager.default.createDirectory(at: pictures, withIntermediateDirectories: true)
        try images[0].writePNG(to: pictures.appending(path: "b.png"))
        try images[1].pngData().write(to: pictures.appending(path: "a.png"))
        try Data("no picture\n".utf8).write(to: pictures.appending(path: "notes.txt"))
        let found = try MediaFolder(pictures)
        try require(found.files.map(\.lastPathComponent) == ["a.png", "b.png"], "found \(found.files)")
        try require(found.faults.isEmpty, "faults of \(found.faults)")
        for (file, image) in zip(found.files, [images[1], images[0]]) {
            try require(try Image(contentsOf: file).rgb() == image.rgb(), "\(file.lastPathComponent): other pixels")
            guard case .image = try MediaKind.of(file) else { throw Surprise(description: "\(file) is no image") }
        }
        let none = folder.appending(path: "nothing")
        try FileManager.default.createDirectory(at: none, withIntermediateDirectories: true)
        let empty = try MediaFolder(none)
        try require(empty.files.isEmpty && empty.faults.first?.code == .missingInput, "found \(empty)")
    }

    private static func floats(_ bytes: Data) -> [Float] {
        let bytes = [UInt8](bytes)
        return stride(from: 0, to: bytes.count, by: 4).map { place in
            Float(bitPattern: (0..<4).reduce(0) { $0 | UInt32(bytes[place + $1]) << UInt32(8 * $1) })
        }
    }
}
