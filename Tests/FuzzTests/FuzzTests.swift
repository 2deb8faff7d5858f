import Foundation
import FuzzTargets
import TestSupport
import Testing

/// Runs the targets of Tools/fuzz for a moment: the inputs to begin with, and some that are made of them, the same in every
/// run. A crash ends a process of its own and leaves its input.
@Suite("Fuzzing")
struct FuzzTests {
    /// What a target runs here, beyond the inputs to begin with.
    private static let runs = [
        "picture": 300, "video": 25, "live": 25, "sdp": 5, "text": 200, "merges": 200, "tokenizer": 100, "config": 1500,
        "shapes": 1000,
    ]

    private static func replay(_ arguments: [String]) async throws -> PerceptProcess {
        // Where a process is to end, a backtrace would take seconds.
        try await PerceptProcess.run(arguments, program: "fuzz-replay", environment: ["SWIFT_BACKTRACE": "enable=no"])
    }

    @Test(arguments: FuzzTarget.all.map(\.name))
    func holds(target: String) async throws {
        let kind = target.split(separator: "-").first.map(String.init) ?? target
        let count = Self.runs[kind] ?? 1000
        let run = try await Self.replay([target, "--runs", "\(count)", "--seconds", "20"])
        let input = run.lines.first?.split(separator: " ").last.map(String.init)
        #expect(run.status == 0, "\(run.errors) input: \(input ?? "none")")
    }

    /// What the targets look for ends the process, and the input stays.
    @Test func faultsAreFound() async throws {
        let run = try await Self.replay(["planted", "--runs", "10000"])
        #expect(run.status != 0 && run.errors.contains("fuzzing: planted"))
        let input = try #require(run.lines.first?.split(separator: " ").last.map(String.init))
        #expect(FileManager.default.fileExists(atPath: input))
        try FileManager.default.removeItem(atPath: input)
    }
}
