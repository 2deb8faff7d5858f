import Foundation
import Percept
import PerceptFiles

/// Where the file is that an argument names: itself, or what was kept of a pipe.
struct OpenedName: Sendable {
    /// For opening it, any number of times while this lives.
    let path: String
    let piped: KeptPipe?

    /// - Parameters:
    ///   - name: a file, a pipe, or `-` for standard input. A pipe is read to its end.
    ///   - advice: what else may be wrong where there is no such file.
    init(_ name: String, advice: (String) -> String? = { _ in nil }) throws(PerceptError) {
        if name == StandardInput.name {
            self = try Self.standardInput(name)
            return
        }
        guard let status = Files.status(name) else {
            let fault = FileFault()
            guard fault.isMissing else {
                throw PerceptError(.badData, "\(name): cannot be read: \(fault)", cause: fault)
            }
            if name.hasPrefix("file://") {
                let path = FileName.text(percentDecoding: name.dropFirst("file://".count).drop { $0 != "/" })
                if Files.exists(path) {
                    self = try Self(path)
                    return
                }
            }
            let hint = Self.hint(name) ?? advice(name)
            // An address may hold a password.
            let shown = FrameSource.shown(name)
            throw PerceptError(.missingInput, "\(shown): no such file\(hint.map { "; \($0)" } ?? "")", cause: fault)
        }
        switch Files.kind(status) {
        case S_IFIFO:
            // Without a wait for the writer, which is part of reading.
            let descriptor = Files.open(name, O_RDONLY | O_NONBLOCK)
            guard descriptor >= 0 else { throw PerceptError(.badData, "\(name): cannot be read: \(FileFault())") }
            try self.init(reading: descriptor, name)
        case S_IFSOCK:
            guard let descriptor = try StandardInput.duplicate(name) else {
                self.init(path: name)
                return
            }
            try self.init(reading: descriptor, name)
        default: self.init(path: name)
        }
    }

    private init(path: String, piped: KeptPipe? = nil) { (self.path, self.piped) = (path, piped) }

    /// Reads a descriptor to its end, and closes it.
    private init(reading descriptor: Int32, _ name: String) throws(PerceptError) {
        defer { close(descriptor) }
        let piped = try KeptPipe(reading: descriptor, name: name)
        self.init(path: piped.path, piped: piped)
    }

    private static func standardInput(_ name: String) throws(PerceptError) -> OpenedName {
        guard let descriptor = try StandardInput.duplicate(name) else { return OpenedName(path: name) }
        var status = stat()
        // A file that is at its start need not be copied, if it may be opened once more.
        if fstat(descriptor, &status) == 0, Files.kind(status) == S_IFREG, lseek(descriptor, 0, SEEK_CUR) == 0 {
            let path = "/proc/self/fd/\(STDIN_FILENO)"
            let again = Files.open(path, O_RDONLY)
            if again >= 0 {
                close(again)
                close(descriptor)
                return OpenedName(path: path)
            }
        }
        return try OpenedName(reading: descriptor, name)
    }

    /// What people do whose file is not found.
    private static func hint(_ name: String) -> String? {
        if name.contains("://") && !name.hasPrefix("file://") {
            return "only files are read here; fetch what is at an address first"
        }
        if name.hasPrefix("@"), Files.exists(String(name.dropFirst())) { return "--files-from takes lists of names" }
        if name.hasPrefix("~") { return "the shell has left ~ as it is" }
        if name.contains(where: { "*?".contains($0) }) && !name.contains(" ") {
            return "no name is like that, or quotes kept the shell from looking for some"
        }
        return nil
    }
}
