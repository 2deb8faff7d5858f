import Foundation
import Percept
import PerceptCommandKit
import PerceptFiles

/// Writes each frame with its dense features as colours over it: `000042.png` for frame 42.
struct FeatureSequence: WatchOutput {
    /// The longer side of a picture, in pixels.
    private static let side = 512

    private let directory: String

    /// - Throws: ``PerceptError`` where the directory can neither be found nor made.
    init(_ path: String) throws {
        directory = path
        do { try Files.makeDirectories(path) } catch {
            throw PerceptError(.usage, "\(path) cannot be made: \(error)", cause: error)
        }
    }

    func show(_ frame: WatchedFrame) throws {
        guard let overlay = frame.overlay else { return }
        let image = frame.result.image
        let scale = Double(Self.side) / Double(max(image.width, image.height))
        var picture = Thumbnail(
            image.frame, width: max(Int(Double(image.width) * scale), 1),
            height: max(Int(Double(image.height) * scale), 1))
        picture.blend(FeatureOverlay.share, overlay.colour)
        let digits = String(frame.result.number)
        let name = String(repeating: "0", count: max(6 - digits.count, 0)) + digits + ".png"
        // One of many: not brought to the disk at once.
        try Image(rgb: picture.pixels, width: picture.width, height: picture.height)
            .writePNG(path: FileName.joined(directory, name), as: .cache)
    }

    func finish(_ summary: StreamSummary) { Console.shared.detail("wrote \(summary.encoded) pictures") }
}
