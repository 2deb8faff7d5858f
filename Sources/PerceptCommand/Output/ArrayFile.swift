import ArgumentParser
import Percept
import PerceptCommandKit
import PerceptFiles

/// A file that `--out` names: `.npy` or `.safetensors`.
struct ArrayFile: ExpressibleByArgument {
    let path: String
    let format: ArrayWriter.Format

    init?(argument: String) {
        guard let format = ArrayWriter.Format(rawValue: FileName.suffix(argument)) else { return nil }
        path = argument
        self.format = format
    }

    /// One named array of elements in row-major order.
    struct Entry {
        let name: String
        let shape: [Int]
        let elements: [Float]
    }

    /// Writes `main`; a `.safetensors` also takes `others` and the `metadata`.
    func write(_ main: Entry, others: [Entry] = [], metadata: [String: String]) throws {
        let entries = format == .npy ? [main] : ([main] + others).sorted { $0.name < $1.name }
        var writer = try ArrayWriter(
            path: path, as: format, arrays: entries.map { .init($0.name, $0.shape) },
            metadata: format == .npy ? [:] : metadata)
        for entry in entries { try writer.write(entry.elements) }
        try writer.finish()
        Console.shared.detail("wrote \(path)")
    }
}

/// A picture that `--pca` names: `.png`.
struct PictureFile: ExpressibleByArgument {
    let path: String

    init?(argument: String) {
        guard FileName.suffix(argument) == "png" else { return nil }
        path = argument
    }

    /// Writes `width` x `height` pixels of R, G, B; the file appears under its name only when complete.
    func write(_ pixels: [UInt8], width: Int, height: Int) throws {
        try Image(rgb: pixels, width: width, height: height).writePNG(path: path)
        Console.shared.detail("wrote \(path)")
    }
}
