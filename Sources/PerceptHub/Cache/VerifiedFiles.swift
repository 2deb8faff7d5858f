import Foundation
import Synchronization

/// Notes of which files of the cache were found to be what their hashes say, and how they looked then.
///
/// Hashing a model takes a while, at best as long as the disk takes to read it (``RunningHash`` has the rates): 16 GB take
/// 15 seconds on a processor with instructions for it and two minutes on one without. So a file is hashed when it arrives,
/// or when it is first met, and again only when its size, times or inode are others. What a disk loses without a write
/// shows in none of these: for that everything can be hashed anew.
///
/// The notes are Percept's own, outside of the cache that it shares. To lose them costs time, nothing else.
final class VerifiedFiles: Sendable {
    /// Bounds the file; a repository has some ten files that are read here.
    private static let most = 1000

    private let file: URL?
    private let notes: Mutex<(lines: [String], isChanged: Bool)>

    /// - Parameter folder: where the notes are; nil for none.
    init(in folder: URL?, repository: String) {
        file = folder?.appending(path: "verified/\(repository)")
        let text = file.flatMap { FileManager.default.contents(atPath: $0.path) } ?? Data()
        let lines = String(decoding: text.prefix(1 << 20), as: UTF8.self).split(separator: "\n").map(String.init)
        notes = Mutex((lines, false))
    }

    func contains(_ hash: ContentHash, _ stamp: FileStamp) -> Bool {
        notes.withLock { $0.lines.contains(Self.line(hash, stamp)) }
    }

    /// Whether the file is known to be another than `hash`, of the same kind, says.
    func contradicts(_ hash: ContentHash, _ stamp: FileStamp) -> Bool {
        let end = " " + stamp.text
        return notes.withLock { notes in
            notes.lines.contains { line in
                line.hasSuffix(end) && line.utf8.count == hash.text.utf8.count + end.utf8.count
                    && !line.hasPrefix(hash.text)
            }
        }
    }

    func add(_ hash: ContentHash, _ stamp: FileStamp) {
        let line = Self.line(hash, stamp)
        notes.withLock { notes in
            guard !notes.lines.contains(line) else { return }
            notes.lines.append(line)
            notes.isChanged = true
        }
    }

    private static func line(_ hash: ContentHash, _ stamp: FileStamp) -> String { "\(hash.text) \(stamp.text)" }

    /// Writes what was added.
    func save() async {
        guard let file, notes.withLock({ $0.isChanged }) else { return }
        // The times of files advance in steps of up to 10 ms: what is written after this has other ones.
        try? await Task.sleep(for: .milliseconds(20))
        let text = notes.withLock { $0.lines.suffix(Self.most).joined(separator: "\n") + "\n" }
        try? FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try? Data(text.utf8).write(to: file, options: .atomic)
    }
}
