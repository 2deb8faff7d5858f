import ArgumentParser
import PerceptFiles

/// Refuses, before anything is computed, outputs of which one would replace another, or an input.
package func requireDifferentFiles(_ outputs: [String], inputs: [String] = []) throws {
    for (index, output) in outputs.enumerated() {
        let others = inputs + outputs[..<index]
        // Of pipes and devices one may be meant twice.
        guard (try? NewFile.isFile(output)) == true, others.contains(where: { Files.areSame($0, output) }) else {
            continue
        }
        throw ValidationError(FileName.shown("\(output) is named twice: it would be replaced."))
    }
}

/// Refuses, before anything is computed, a file in a directory that is not there or cannot be written to.
package func requireWritableDirectory(of path: String) throws {
    let directory = FileName.folder(path)
    guard Files.isWritable(directory) else {
        throw ValidationError(
            FileName.shown("\(path) cannot be written: \(directory) is missing or not writable."))
    }
}
