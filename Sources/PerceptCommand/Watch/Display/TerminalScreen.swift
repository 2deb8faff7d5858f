import Foundation
import Synchronization

/// The terminal, taken over for a view that redraws in place, and given back as it was on every way out.
final class TerminalScreen: Sendable {
    struct Size: Equatable {
        var columns: Int
        var rows: Int
        /// Of a cell, in pixels; nil where the terminal does not say.
        var cell: (width: Int, height: Int)?

        static func == (a: Size, b: Size) -> Bool { a.columns == b.columns && a.rows == b.rows }
    }

    private let drawn = Mutex<Size?>(nil)

    /// Whether standard output is a terminal that understands cursor movements.
    static var isAvailable: Bool {
        let kind = ProcessInfo.processInfo.environment["TERM"] ?? ""
        return isatty(STDOUT_FILENO) == 1 && !kind.isEmpty && kind != "dumb"
    }

    /// Switches to the alternate screen, without a cursor and without an echo of what is typed.
    init() {
        Takeover.begin()
        Self.write("\u{1B}[?1049h\u{1B}[?25l\u{1B}[2J")
    }

    /// Gives the terminal back. More than once does no harm.
    func leave() { Takeover.end() }

    /// What the terminal says its size is; 80 x 24 where it does not.
    var size: Size {
        var window = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &window) == 0, window.ws_col > 0, window.ws_row > 0 else {
            return Size(columns: 80, rows: 24)
        }
        let size = Size(columns: Int(window.ws_col), rows: Int(window.ws_row))
        guard window.ws_xpixel > 0, window.ws_ypixel > 0 else { return size }
        return Size(
            columns: size.columns, rows: size.rows,
            cell: (Int(window.ws_xpixel) / size.columns, Int(window.ws_ypixel) / size.rows))
    }

    /// Draws lines from the top, each over what was there; after a change of size on a wiped screen.
    ///
    /// - Parameters:
    ///   - area: left as it is, for a picture.
    ///   - picture: what draws it, with the cursor at its corner.
    func draw(_ lines: [String], size: Size, around area: LiveLayout.Area?, picture: String?) {
        let isNew = drawn.withLock { drawn in
            defer { drawn = size }
            return drawn != size
        }
        var text = isNew ? "\u{1B}[2J" : ""
        for row in 0..<size.rows {
            let line = row < lines.count ? lines[row] : ""
            if let area, (area.row..<area.row + area.rows).contains(row) {
                // Only what is right of the picture.
                let start = area.column + area.columns
                text += "\u{1B}[\(row + 1);\(start + 1)H\u{1B}[K"
                let rest = line.drop { $0 == " " }
                let indent = line.count - rest.count
                if !rest.isEmpty { text += "\u{1B}[\(row + 1);\(indent + 1)H\(rest)" }
            } else {
                // Erased first: behind a line that fills its row, terminals erase from its last column on.
                text += "\u{1B}[\(row + 1);1H\u{1B}[K\(line)"
            }
        }
        if let area, let picture { text += "\u{1B}[\(area.row + 1);\(area.column + 1)H" + picture }
        Self.write(text)
    }

    fileprivate static func write(_ text: String) {
        // A terminal that has gone takes nothing; the signal that says so ends the process.
        try? FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    }
}

/// What has to be undone when the process ends, however it does.
private enum Takeover {
    private struct State {
        var settings: termios?
        var isActive = false
        var isRegistered = false
    }
    private static let state = Mutex(State())

    static func begin() {
        state.withLock { state in
            if !state.isRegistered {
                state.isRegistered = true
                atexit { Takeover.end() }
            }
            state.isActive = true
            var settings = termios()
            guard tcgetattr(STDOUT_FILENO, &settings) == 0 else { return }
            state.settings = settings
            settings.c_lflag &= ~tcflag_t(ECHO | ICANON)
            tcsetattr(STDOUT_FILENO, TCSANOW, &settings)
        }
    }

    static func end() {
        state.withLock { state in
            guard state.isActive else { return }
            state.isActive = false
            TerminalScreen.write("\u{1B}[0m\u{1B}[?25h\u{1B}[?1049l")
            if var settings = state.settings { tcsetattr(STDOUT_FILENO, TCSAFLUSH, &settings) }
            state.settings = nil
        }
    }
}
