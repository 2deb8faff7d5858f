import Foundation

/// The folder in which inputs become files, in memory where there is such a place.
enum Scratch {
    static let folder: String = {
        let parent = FileManager.default.fileExists(atPath: "/dev/shm") ? "/dev/shm" : NSTemporaryDirectory()
        let folder = "\(parent)/percept-fuzz.\(getpid())"
        mkdir(folder, 0o700)
        // Runs at the end of the process, or not at all where it crashes.
        atexit { try? FileManager.default.removeItem(atPath: Scratch.folder) }
        return folder
    }()

    /// Writes a file; the path.
    @discardableResult
    static func write(_ name: String, _ bytes: UnsafeRawBufferPointer) -> String {
        let path = "\(folder)/\(name)"
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { fail("\(path) cannot be written") }
        defer { close(descriptor) }
        var done = 0
        while done < bytes.count {
            let count = Foundation.write(descriptor, bytes.baseAddress! + done, bytes.count - done)
            guard count > 0 else { fail("\(path) cannot be written") }
            done += count
        }
        return path
    }

    @discardableResult
    static func write(_ name: String, _ bytes: [UInt8]) -> String { bytes.withUnsafeBytes { write(name, $0) } }

    static func remove(_ name: String) { unlink("\(folder)/\(name)") }
}

/// The root of the repository.
package enum Repository {
    package static let root =
        ProcessInfo.processInfo.environment["PERCEPT_ROOT"]
        ?? URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../..").standardizedFileURL.path

    static func bytes(_ path: String) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: "\(root)/\(path)") else { fail("\(path) is missing") }
        return Array(data)
    }
}
