import Foundation

// Percept's side of the comparisons with independent programs (see Tools/test-corpus): reads files as the library does
// and writes what it found, for a script that knows what must be there.
//
//   corpus-probe pictures|videos|checkpoints ARGUMENT...

/// What each kind of file is shown by.
let probes: [String: ([String]) throws -> Void] = [
    "pictures": probePictures,
    "videos": probeVideos,
    "checkpoints": probeCheckpoints,
]

let arguments = Array(CommandLine.arguments.dropFirst())
guard let name = arguments.first, let probe = probes[name] else {
    FileHandle.standardError.write(
        Data("usage: corpus-probe \(probes.keys.sorted().joined(separator: "|")) ARGUMENT...\n".utf8))
    exit(64)
}
try probe(Array(arguments.dropFirst()))
