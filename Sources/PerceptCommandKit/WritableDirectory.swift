import ArgumentParser
import Foundation

/// Refuses, before anything is computed, a file in a directory that is not there or cannot be written to.
package func requireWritableDirectory(of path: String) throws {
    let directory = URL(filePath: path).deletingLastPathComponent().path
    guard FileManager.default.isWritableFile(atPath: directory) else {
        throw ValidationError("\(path) cannot be written: \(directory) is missing or not writable.")
    }
}
