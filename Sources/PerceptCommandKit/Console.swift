import Foundation
import Percept
import Synchronization

/// The two streams: results on standard output, everything else on standard error.
///
/// One place for both, since a progress bar must be wiped before anything else is written to the terminal.
package final class Console: Sendable {
    package static let shared = Console()

    package enum Verbosity: Int, Sendable {
        /// Errors only.
        case quiet
        case normal
        case verbose
    }

    private struct State {
        var verbosity = Verbosity.normal
        var bar = ""
        /// Where notes go while a view has the terminal.
        var sink: (@Sendable (String) -> Void)?
    }

    private let state = Mutex(State())
    private let drawsBars = isatty(STDERR_FILENO) == 1
    private let resultsShareTheTerminal = isatty(STDOUT_FILENO) == 1

    private init() {}

    package func setVerbosity(_ verbosity: Verbosity) { state.withLock { $0.verbosity = verbosity } }

    /// A result, followed by a line break; it reaches the reader at once.
    package func result(_ text: String) { emit(text + "\n") }

    private func emit(_ text: String) {
        state.withLock { state in
            if resultsShareTheTerminal { wipeBar(&state) }
            do {
                try Self.writeToOutput(text)
            } catch {
                // A full disk, say: who waits for the result must not take it for complete.
                write("percept: standard output cannot be written: \(error)\n")
                exit(PerceptError.Code.internalFault.rawValue)
            }
        }
    }

    /// Without a copy, unlike `FileHandle`: streams write a line for each frame.
    private static func writeToOutput(_ text: String) throws {
        var text = text
        try text.withUTF8 { bytes in
            var rest = UnsafeRawBufferPointer(bytes)
            while !rest.isEmpty {
                let written = Foundation.write(STDOUT_FILENO, rest.baseAddress, rest.count)
                if written >= 0 {
                    rest = UnsafeRawBufferPointer(rebasing: rest[written...])
                } else if errno != EINTR {
                    throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO)
                }
            }
        }
    }

    /// A part of a result as it comes, without a line break.
    package func stream(_ text: String) {
        guard !text.isEmpty else { return }
        emit(text)
    }

    /// What stops the command or loses an input.
    package func error(_ text: String) { line(text, at: .quiet) }

    /// What a user should know.
    package func note(_ text: String) { line(text, at: .normal) }

    /// What `-v` asks for.
    package func detail(_ text: String) { line(text, at: .verbose) }

    /// Hands notes to a view that has the terminal, and errors too; nil for standard error again.
    package func redirectNotes(_ sink: (@Sendable (String) -> Void)?) { state.withLock { $0.sink = sink } }

    private func line(_ text: String, at level: Verbosity) {
        let sink: (@Sendable (String) -> Void)? = state.withLock { state in
            guard state.verbosity.rawValue >= level.rawValue else { return nil }
            if let sink = state.sink { return sink }
            wipeBar(&state)
            // What others wrote, and names of files, may hold what moves a cursor.
            write("percept: \(Table.printable(text))\n")
            return nil
        }
        sink?(text)
    }

    /// Draws a progress bar on a terminal; `fraction` is from 0 to 1, and 1 removes the bar.
    package func progress(_ title: String, _ fraction: Double) {
        guard drawsBars else { return }
        state.withLock { state in
            guard state.verbosity == .normal else { return }
            let cells = 30
            let full = Int(min(max(fraction, 0), 1) * Double(cells))
            let filled = String(repeating: "█", count: full) + String(repeating: "░", count: cells - full)
            let bar = fraction < 1 ? "\(title) \(filled) \(Int(fraction * 100)) %" : ""
            guard bar != state.bar else { return }
            wipeBar(&state)
            write(bar)
            state.bar = bar
        }
    }

    /// To standard error; nobody is left to tell if that fails.
    private func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }

    private func wipeBar(_ state: inout State) {
        guard !state.bar.isEmpty else { return }
        write("\r" + String(repeating: " ", count: Table.width(state.bar)) + "\r")
        state.bar = ""
    }
}
