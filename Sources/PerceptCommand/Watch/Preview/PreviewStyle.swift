import Foundation

/// How a terminal shows pictures.
package enum PreviewStyle: Equatable, Sendable {
    /// Two pixels a cell, as the colours of a half block.
    case halfBlocks
    /// The graphics protocol of kitty, which WezTerm, Ghostty and Konsole understand too.
    case kitty
    case sixel

    /// What the terminal says it can; nil for one without 24 bits of colour, of which pictures would be made of few.
    ///
    /// - Parameter answer: to the question for the terminal's attributes; nil where it was silent.
    package static func choose(environment: [String: String], answer: String?) -> PreviewStyle? {
        let program = environment["TERM_PROGRAM"] ?? ""
        // Multiplexers pass neither protocol on unless told to.
        let isInner = environment["TMUX"] != nil || environment["STY"] != nil
        if !isInner {
            if environment["KITTY_WINDOW_ID"] != nil || environment["TERM"] == "xterm-kitty"
                || ["WezTerm", "ghostty"].contains(program)
            {
                return .kitty
            }
            if let answer, hasSixel(answer) { return .sixel }
        }
        let colours = environment["COLORTERM"] ?? ""
        if ["truecolor", "24bit"].contains(colours) { return .halfBlocks }
        return environment["TERM"]?.hasSuffix("-direct") == true ? .halfBlocks : nil
    }

    /// Whether primary device attributes, `ESC [ ? 62 ; 4 ; 6 c`, name 4: sixel graphics (DEC STD 070).
    private static func hasSixel(_ answer: String) -> Bool {
        guard let start = answer.range(of: "\u{1B}[?"), let end = answer[start.upperBound...].firstIndex(of: "c")
        else { return false }
        return answer[start.upperBound..<end].split(separator: ";").dropFirst().contains("4")
    }

    /// Asks the terminal for its attributes.
    ///
    /// - Returns: nil where there is no terminal, or none that answers within a moment.
    static func query() -> String? {
        let terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC)
        guard terminal >= 0 else { return nil }
        defer { close(terminal) }
        var settings = termios()
        guard tcgetattr(terminal, &settings) == 0 else { return nil }
        var raw = settings
        raw.c_lflag &= ~tcflag_t(ECHO | ICANON)
        guard tcsetattr(terminal, TCSANOW, &raw) == 0 else { return nil }
        defer { tcsetattr(terminal, TCSANOW, &settings) }
        let question = Array("\u{1B}[c".utf8)
        guard Glibc.write(terminal, question, question.count) == question.count else { return nil }
        var answer: [UInt8] = []
        let deadline = ContinuousClock.now + .milliseconds(200)
        while ContinuousClock.now < deadline, answer.last != UInt8(ascii: "c"), answer.count < 256 {
            var waiting = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
            guard poll(&waiting, 1, 50) > 0 else { continue }
            var byte: UInt8 = 0
            guard read(terminal, &byte, 1) == 1 else { break }
            answer.append(byte)
        }
        return answer.isEmpty ? nil : String(decoding: answer, as: UTF8.self)
    }

    /// Pixels of a picture that fills an area.
    package func pixels(of area: LiveLayout.Area, cell: (width: Int, height: Int)?) -> (width: Int, height: Int) {
        // Terminals that do not tell have cells about twice as high as wide.
        let cell = cell ?? (8, 16)
        return switch self {
        case .halfBlocks: (area.columns, 2 * area.rows)
        // The terminal scales: a quarter of the pixels is sent.
        case .kitty: (max(area.columns * cell.width / 2, 1), max(area.rows * cell.height / 2, 1))
        // A sixel is six pixels high, and none may reach the row below.
        case .sixel: (area.columns * cell.width, max(area.rows * cell.height / 6 * 6, 6))
        }
    }

    /// What draws a picture with the cursor at the area's corner.
    package func draw(_ picture: Thumbnail, in area: LiveLayout.Area) -> String {
        switch self {
        case .halfBlocks: Self.halfBlocks(picture, area)
        case .kitty: Self.kitty(picture, area)
        case .sixel: SixelImage(picture).text
        }
    }

    private static func halfBlocks(_ picture: Thumbnail, _ area: LiveLayout.Area) -> String {
        var text = ""
        for row in 0..<area.rows {
            text += "\u{1B}[\(area.row + row + 1);\(area.column + 1)H"
            for column in 0..<area.columns {
                let (top, bottom) = (picture[column, 2 * row], picture[column, 2 * row + 1])
                text +=
                    "\u{1B}[38;2;\(top.0);\(top.1);\(top.2);48;2;\(bottom.0);\(bottom.1);\(bottom.2)m▀"
            }
            text += "\u{1B}[0m"
        }
        return text
    }

    /// Raw RGB in chunks of at most 4096 characters; one image of a fixed number replaces itself, without answers.
    private static func kitty(_ picture: Thumbnail, _ area: LiveLayout.Area) -> String {
        let payload = Data(picture.pixels).base64EncodedString()
        var text = ""
        var rest = Substring(payload)
        var isFirst = true
        while !rest.isEmpty || isFirst {
            let chunk = rest.prefix(4096)
            rest = rest.dropFirst(4096)
            let more = rest.isEmpty ? 0 : 1
            let keys =
                isFirst
                ? "a=T,f=24,i=1,p=1,q=2,C=1,s=\(picture.width),v=\(picture.height),c=\(area.columns),r=\(area.rows),m=\(more)"
                : "m=\(more)"
            text += "\u{1B}_G\(keys);\(chunk)\u{1B}\\"
            isFirst = false
        }
        return text
    }
}
