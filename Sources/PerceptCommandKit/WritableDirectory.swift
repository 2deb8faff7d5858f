import ArgumentParser
import PerceptFiles

/// Refuses, before anything is computed, a file in a directory that is not there or cannot be written to.
package func requireWritableDirectory(of path: String) throws {
    let directory = FileName.folder(path)
    guard Files.isWritable(directory) else {
        throw ValidationError(
            FileName.shown("\(path) cannot be written: \(directory) is missing or not writable."))
    }
}
