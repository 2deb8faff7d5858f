import Foundation
import PerceptCommandKit
import PerceptFiles

/// Lines that a person types: edited and remembered by libedit where it is installed and the input is a terminal, plain
/// lines otherwise.
///
/// libedit is looked up when the program runs, so that nothing has to be installed to build or start it.
final class LineReader {
    private typealias ReadLine = @convention(c) (UnsafePointer<CChar>?) -> UnsafeMutablePointer<CChar>?
    private typealias AddHistory = @convention(c) (UnsafePointer<CChar>?) -> CInt

    /// Whether a person is there to answer.
    let isInteractive = isatty(STDIN_FILENO) == 1
    private let prompt: String
    /// What was read and not yet given.
    private var waiting: [UInt8] = []
    private let editor: (readLine: ReadLine, addHistory: AddHistory)?

    init(prompt: String) {
        self.prompt = prompt
        guard isInteractive, isatty(STDOUT_FILENO) == 1 else {
            editor = nil
            return
        }
        editor =
            ["libedit.so.2", "libedit.so.0", "libedit.3.dylib"].lazy.compactMap { name in
                guard let library = dlopen(name, RTLD_NOW), let read = dlsym(library, "readline"),
                    let add = dlsym(library, "add_history")
                else { return nil }
                return (unsafeBitCast(read, to: ReadLine.self), unsafeBitCast(add, to: AddHistory.self))
            }.first
    }

    /// The next line without its end, as `FileName` carries what is no text; nil at the end of input.
    func next() -> String? {
        guard let editor else {
            if isInteractive { Console.shared.stream(prompt) }
            return plainLine()
        }
        guard let line = editor.readLine(prompt) else { return nil }
        defer { free(line) }
        if line.pointee != 0 { _ = editor.addHistory(line) }
        return FileName.text(UnsafeBufferPointer(start: line, count: strlen(line)).lazy.map(UInt8.init(bitPattern:)))
    }

    private func plainLine() -> String? {
        while true {
            if let end = waiting.firstIndex(of: UInt8(ascii: "\n")) {
                defer { waiting.removeFirst(end + 1) }
                let line = waiting[..<end]
                return FileName.text(line.last == UInt8(ascii: "\r") ? line.dropLast() : line)
            }
            guard let more = try? Files.readSome(STDIN_FILENO, atMost: 1 << 12), !more.isEmpty else {
                defer { waiting = [] }
                return waiting.isEmpty ? nil : FileName.text(waiting)
            }
            waiting += more
        }
    }
}
