import Foundation
import Percept
import PerceptFiles
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
        /// Standard output takes nothing more.
        var outputIsLost = false
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
        let fault: FileFault? = state.withLock { state in
            guard !state.outputIsLost else { return nil }
            if resultsShareTheTerminal { wipeBar(&state) }
            let fault = Self.writeToOutput(text)
            state.outputIsLost = fault != nil
            return fault
        }
        if let fault { stop(fault) }
    }

    /// A full disk, say: who waits for the result must not take it for complete. A pipe that is closed was closed by somebody
    /// who has seen enough.
    private func stop(_ fault: FileFault) {
        if fault.isClosedPipe { return Self.stopQuietly() }
        error("standard output cannot be written: \(fault)")
        Interruption.stop(.fault(.outputFault))
    }

    private static func stopQuietly() {
        let ending = Interruption.ignoredClosedPipes.withLock { $0 } ? Ending.fault(.outputFault) : .signal(SIGPIPE)
        Interruption.stop(ending)
    }

    /// Ends the process because nobody reads an output any more.
    static func endQuietly() -> Never {
        stopQuietly()
        Ending.fault(.outputFault).end()
    }

    /// Without a copy, unlike `FileHandle`: streams write a line for each frame.
    private static func writeToOutput(_ text: String) -> FileFault? {
        var text = text
        return text.withUTF8 { bytes in
            do throws(FileFault) {
                try Files.write(UnsafeRawBufferPointer(bytes), to: STDOUT_FILENO)
                return nil
            } catch { return error }
        }
    }

    /// Closes standard output: some file systems tell only now that there is no room.
    func closeOutput() {
        let fault: FileFault? = state.withLock { state in
            guard !state.outputIsLost else { return nil }
            state.outputIsLost = true
            guard close(STDOUT_FILENO) != 0, errno != EBADF else { return nil }
            return FileFault()
        }
        if let fault { stop(fault) }
    }

    /// To standard error as it is, with a line break.
    func plain(_ text: String) {
        state.withLock { state in
            wipeBar(&state)
            write(text + "\n")
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
        var text = text
        text.withUTF8 { try? Files.write(UnsafeRawBufferPointer($0), to: STDERR_FILENO) }
    }

    private func wipeBar(_ state: inout State) {
        guard !state.bar.isEmpty else { return }
        write("\r" + String(repeating: " ", count: Table.width(state.bar)) + "\r")
        state.bar = ""
    }
}
