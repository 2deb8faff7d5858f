import ArgumentParser
import Foundation
import Percept
import PerceptFiles

/// Standard input where an argument says `-`.
enum StandardInput {
    static let name = "-"

    /// - Parameter arguments: all that may be read, each from a file or, once, from standard input.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` where it is named twice, or a person sits at it.
    static func check(_ arguments: [String?]) throws(PerceptError) {
        let uses = arguments.filter { $0 == name }.count
        guard uses <= 1 else {
            throw PerceptError(.usage, "standard input (-) can be read once, and is named \(uses) times")
        }
        if uses == 1 && isatty(STDIN_FILENO) == 1 {
            throw PerceptError(
                .usage, "standard input (-) is a terminal; lead a file or a pipe into it, or name a file")
        }
    }

    /// Whether a name is one of standard input's.
    static func isNamed(_ name: String) -> Bool {
        [self.name, "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].contains(name)
    }

    /// A descriptor of its own for what a name stands for, where opening the name anew would not do: of standard input,
    /// and of sockets that were handed over as /dev/fd/N.
    static func duplicate(_ name: String) throws(PerceptError) -> Int32? {
        guard let number = number(name) else { return nil }
        let copy = dup(number)
        var status = stat()
        // Where it was closed, the number may have gone to something of the process's own, or to a stand-in.
        guard copy >= 0, fstat(copy, &status) == 0, Files.kind(status) != 0,
            fcntl(copy, F_GETFL) & O_ACCMODE != O_WRONLY
        else {
            if copy >= 0 { close(copy) }
            throw PerceptError(.missingInput, "\(name): \(number == 0 ? "standard input is closed" : "is not open")")
        }
        _ = fcntl(copy, F_SETFD, FD_CLOEXEC)
        return copy
    }

    /// The number of the descriptor that a name stands for; nil for names of files.
    private static func number(_ name: String) -> Int32? {
        if name == self.name || name == "/dev/stdin" { return STDIN_FILENO }
        for folder in ["/dev/fd/", "/proc/self/fd/"] where name.hasPrefix(folder) {
            return Int32(name.dropFirst(folder.count))
        }
        return nil
    }
}
