import Foundation
import Percept
import PerceptCommandKit

/// The state of the directory where compiled pipelines are kept.
struct CacheState {
    let path: String
    let bytes: Int
    /// Why nothing can be kept there; nil if it can.
    let fault: String?

    static var current: CacheState {
        let files = FileManager.default
        let url = CacheDirectory.url
        let contents = (try? files.contentsOfDirectory(at: url, includingPropertiesForKeys: [.fileSizeKey])) ?? []
        let bytes = contents.reduce(0) { $0 + ((try? $1.resourceValues(forKeys: [.fileSizeKey]))?.fileSize ?? 0) }
        // The nearest directory that exists decides whether the others can be made.
        var nearest = url
        while !files.fileExists(atPath: nearest.path), nearest.pathComponents.count > 1 {
            nearest.deleteLastPathComponent()
        }
        let isWritable = files.isWritableFile(atPath: nearest.path)
        return CacheState(path: url.path, bytes: bytes, fault: isWritable ? nil : "cannot be written to")
    }
}
