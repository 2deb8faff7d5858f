import Foundation
import Synchronization
import TestSupport
import Testing

extension CommandTests {
    /// `percept watch` on a pseudo terminal.
    @Suite("watch in a terminal")
    struct TerminalTests {
        /// What a thread reads from the terminal.
        private final class Collected: Sendable {
            let bytes = Mutex<[UInt8]>([])
            let isWanted = Atomic<Bool>(true)
            let isDone = Atomic<Bool>(false)
        }

        /// Runs it for a while, and ends it.
        ///
        /// - Returns: all that came to the terminal, and the exit status.
        private func run(
            _ arguments: [String], columns: Int, rows: Int, seconds: Double, signal: Int32 = SIGINT
        ) async throws -> (text: String, status: Int32, settings: (before: tcflag_t, after: tcflag_t)) {
            var (controller, terminal): (Int32, Int32) = (-1, -1)
            var size = winsize(ws_row: UInt16(rows), ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
            try #require(openpty(&controller, &terminal, nil, nil, &size) == 0)
            defer { close(terminal) }
            var before = termios()
            tcgetattr(terminal, &before)
            let process = Process()
            process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
                .deletingLastPathComponent().appending(path: "percept")
            process.arguments = arguments
            process.environment = ProcessInfo.processInfo.environment.merging(
                ["TERM": "xterm-256color", "COLORTERM": "truecolor"]) { $1 }
            process.standardInput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            process.standardOutput = FileHandle(fileDescriptor: terminal, closeOnDealloc: false)
            let collected = Collected()
            let reader = Thread { [controller, collected] in
                var buffer = [UInt8](repeating: 0, count: 65536)
                while collected.isWanted.load(ordering: .relaxed) {
                    var waiting = pollfd(fd: controller, events: Int16(POLLIN), revents: 0)
                    guard poll(&waiting, 1, 50) > 0 else { continue }
                    let count = read(controller, &buffer, buffer.count)
                    guard count > 0 else { break }
                    collected.bytes.withLock { $0 += buffer[..<count] }
                }
                collected.isDone.store(true, ordering: .relaxed)
            }
            reader.start()
            let status: Int32 = try await withCheckedThrowingContinuation { continuation in
                process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
                do { try process.run() } catch {
                    process.terminationHandler = nil
                    continuation.resume(throwing: error)
                    return
                }
                let identifier = process.processIdentifier
                DispatchQueue.global().asyncAfter(deadline: .now() + seconds) { kill(identifier, signal) }
            }
            var after = termios()
            tcgetattr(terminal, &after)
            try await Task.sleep(for: .milliseconds(200))
            collected.isWanted.store(false, ordering: .relaxed)
            while !collected.isDone.load(ordering: .relaxed) { try await Task.sleep(for: .milliseconds(20)) }
            close(controller)
            return (
                String(decoding: collected.bytes.withLock { $0 }, as: UTF8.self), status,
                (before.c_lflag, after.c_lflag)
            )
        }

        private func expectGivenBack(_ text: String) throws {
            let enter = try #require(text.range(of: "\u{1B}[?1049h"))
            let leave = try #require(text.range(of: "\u{1B}[?1049l", options: .backwards))
            #expect(enter.lowerBound < leave.lowerBound)
            let hidden = try #require(text.range(of: "\u{1B}[?25l", options: .backwards))
            let shown = try #require(text.range(of: "\u{1B}[?25h", options: .backwards))
            #expect(hidden.lowerBound < shown.lowerBound)
            // Nothing is drawn behind that.
            #expect(!text[leave.upperBound...].contains("\u{1B}"))
        }

        @Test("The view is drawn, and the terminal given back", arguments: [(80, 24), (200, 50)], [SIGINT, SIGTERM])
        func signalled(size: (columns: Int, rows: Int), signal: Int32) async throws {
            let run = try await run(
                ["watch", "test:", "--labels", "a red circle,a blue star"], columns: size.columns, rows: size.rows,
                seconds: 4, signal: signal)
            #expect(run.status == 128 + signal)
            try expectGivenBack(run.text)
            #expect(run.settings.before == run.settings.after)
            #expect(run.text.contains("a red circle") && run.text.contains("frames/s") && run.text.contains("█"))
            // Half blocks in colours of 24 bits: the preview.
            #expect(run.text.contains("▀") && run.text.contains("\u{1B}[38;2;"))
            // The summary stays.
            let end = try #require(run.text.range(of: "\u{1B}[?1049l", options: .backwards)).upperBound
            #expect(run.text[end...].contains("frames encoded"))
        }

        @Test("The end of the source ends the view", arguments: [["--no-preview"], []])
        func ended(options: [String]) async throws {
            let run = try await run(
                ["watch", "test:?frames=30", "--labels", "a red circle,a blue star"] + options, columns: 80, rows: 24,
                seconds: 60)
            #expect(run.status == 0)
            try expectGivenBack(run.text)
            #expect(run.text.contains("▀") == options.isEmpty)
        }
    }
}
