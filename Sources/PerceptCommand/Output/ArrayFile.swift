import ArgumentParser
import Foundation
import PerceptCheckpoint
import PerceptCommandKit
import PerceptFiles
import PerceptMedia

/// A file that `--out` names: `.npy` or `.safetensors`.
struct ArrayFile: ExpressibleByArgument {
    enum Format: String {
        case npy, safetensors
    }

    let path: String
    let format: Format

    init?(argument: String) {
        guard let format = Format(rawValue: FileName.suffix(argument)) else { return nil }
        path = argument
        self.format = format
    }

    /// One named tensor of elements in row-major order.
    struct Entry {
        let name: String
        let shape: [Int]
        let elements: [Float]
    }

    /// Writes `main`; a `.safetensors` also takes `others` and the `metadata`.
    func write(_ main: Entry, others: [Entry] = [], metadata: [String: String]) throws {
        switch format {
        case .npy: try NPYWriter.write(main.elements, shape: main.shape, to: path)
        case .safetensors:
            var writer = SafetensorsWriter()
            writer.metadata = metadata
            for entry in [main] + others { writer.add(entry.name, entry.shape, entry.elements) }
            try writer.write(to: path)
        }
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
        let png = try PNGWriter.encode(pixels, width: width, height: height)
        try NewFile.write([UInt8](png), to: path)
        Console.shared.detail("wrote \(path)")
    }
}
