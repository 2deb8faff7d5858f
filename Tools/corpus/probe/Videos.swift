import Foundation
import PerceptFrame
import PerceptMedia

/// Shows what Percept reads from videos.
///
///     corpus-probe videos FOLDER FILE...
///
/// A line of JSON for each file: its notes, or the error, what it is taken for, and of each frame size, layout, orientation
/// and colours. The
/// samples of all frames, plane after plane, go to FOLDER under the file's name with `.raw`. Frames are read in order, and
/// then in another: `sameInAnyOrder` tells whether they were the same.
func probeVideos(_ arguments: [String]) throws {
    guard let folder = arguments.first else { throw ProbeUsage() }
    for path in arguments.dropFirst() {
        var line: [String: Any] = ["file": path]
        do {
            let reader = try MediaFile.frames(of: path)
            var samples = Data()
            var frames: [[String: Any]] = []
            var hashes: [Int] = []
            for index in 0..<reader.frameCount {
                let frame = try reader.frame(at: index)
                let bytes = frame.samples
                hashes.append(bytes.hashValue)
                samples.append(bytes)
                frames.append([
                    "width": frame.width, "height": frame.height, "layout": "\(frame.layout)",
                    "orientation": frame.orientation, "full": frame.fullRange, "matrix": "\(frame.colorMatrix)",
                    "bytes": bytes.count,
                ])
            }
            // A step that has no common divisor with the count visits every index.
            let step = [7, 11, 13, 17].first { reader.frameCount % $0 != 0 } ?? 1
            var isSame = true
            for turn in 0..<min(reader.frameCount, 24) {
                let index = (3 + turn * step) % reader.frameCount
                if try reader.frame(at: index).samples.hashValue != hashes[index] { isSame = false }
            }
            let name = URL(filePath: path).lastPathComponent + ".raw"
            try samples.write(to: URL(filePath: folder).appending(path: name))
            line["frames"] = frames
            line["rate"] = reader.frameRate
            line["notes"] = reader.notes
            line["sameInAnyOrder"] = isSame
            line["kind"] =
                try MediaFile.probe(path) == .video ? "video" : try MediaFile.isAnimation(path) ? "animation" : "image"
        } catch let error as MediaError {
            line["error"] = "\(error.fault)"
        }
        FileHandle.standardOutput.write(try JSONSerialization.data(withJSONObject: line) + Data("\n".utf8))
    }
}

/// The arguments make no sense.
struct ProbeUsage: Error {}

extension DecodedFrame {
    /// All samples, plane after plane, without what lies between rows.
    var samples: Data {
        var samples = Data()
        for (index, plane) in planes.enumerated() {
            withUnsafeBytes(ofPlane: index) { bytes in
                for y in 0..<plane.rows {
                    samples.append(contentsOf: bytes[(y * plane.rowBytes)...].prefix(plane.bytesInRow))
                }
            }
        }
        return samples
    }
}
