import ArgumentParser
import Foundation
import Percept
import PerceptFiles

/// What else may have been meant by an argument that is no file.
enum Advice {
    /// A sentence where a file should be.
    static func question(_ name: String) -> String? {
        name.contains(" ") || name.hasSuffix("?") ? "percept ask takes questions" : nil
    }

    /// A word of a question that was to be one argument.
    static func word(_ name: String) -> String? {
        isWord(name) ? "a question of several words is put in quotes" : nil
    }

    /// A label that was to be in one argument with the others.
    static func label(_ name: String) -> String? {
        isWord(name) ? "labels go into one argument, with commas between them" : nil
    }

    /// Names of files where a file should be.
    ///
    /// - Parameter path: where it can be read.
    static func list(_ name: String, at path: String) -> String? {
        guard Files.status(path).map({ Files.kind($0) }) == S_IFREG else { return nil }
        let descriptor = Files.open(path, O_RDONLY)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        guard let start = try? Files.readSome(descriptor, atMost: 4096) else { return nil }
        let first = start.prefix { $0 != 0 && $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard !first.isEmpty, first.count < start.count, Files.exists(FileName.text(first)) else { return nil }
        return "--files-from \(name) takes lists of names"
    }

    private static func isWord(_ name: String) -> Bool { !name.contains("/") && !name.contains(".") }
}

/// Does something with arguments whose faults the parser is to tell of.
func validating(_ body: () throws(PerceptError) -> Void) throws {
    do { try body() } catch { throw ValidationError(error.message) }
}

/// An argument that is text and no name.
///
/// - Parameter what: the option, or what else people call it.
/// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` where it is not UTF-8.
func requireText(_ argument: String, _ what: String) throws(PerceptError) -> String {
    guard let text = FileName.literal(argument) else {
        throw PerceptError(.usage, "\(what) is not in UTF-8: \(argument)")
    }
    return text
}
