import Foundation
import Testing

/// Runs the `percept` that was built beside the tests.
struct PerceptProcess {
    let status: Int32
    let output: Data
    let errors: String

    var text: String { String(decoding: output, as: UTF8.self) }
    var lines: [String] { text.split(separator: "\n").map(String.init) }

    static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures")
    static let media = fixtures.appending(path: "media")
    static let photo = media.appending(path: "coffee.jpg").path
    static let video = media.appending(path: "shapes.mp4").path
    static let checkpoints = fixtures.appending(path: "pe/files")

    private static let binary = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appending(path: "percept")

    /// - Parameters:
    ///   - environment: added to that of the tests.
    ///   - input: standard input; nothing unless given.
    ///   - interruption: seconds after which SIGINT is sent.
    static func run(
        _ arguments: [String], environment: [String: String] = [:], input: String? = nil, interruption: Double? = nil
    ) async throws -> PerceptProcess {
        // Files take any amount; a pipe that nobody reads would stop the process.
        let folder = try TemporaryFolder()
        let (output, errors) = (folder.url.appending(path: "output"), folder.url.appending(path: "errors"))
        let process = Process()
        process.executableURL = binary
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        for file in [output, errors] { try Data().write(to: file) }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        if let input {
            let file = folder.url.appending(path: "input")
            try Data(input.utf8).write(to: file)
            process.standardInput = try FileHandle(forReadingFrom: file)
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        let status = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do { try process.run() } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
            guard let interruption else { return }
            let identifier = process.processIdentifier
            DispatchQueue.global().asyncAfter(deadline: .now() + interruption) { kill(identifier, SIGINT) }
        }
        return PerceptProcess(
            status: status, output: try Data(contentsOf: output),
            errors: try String(contentsOf: errors, encoding: .utf8))
    }

    /// The output as a JSON object.
    func object() throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: output) as? [String: Any])
    }
}

/// A directory that goes with its owner.
final class TemporaryFolder {
    let url = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID().uuidString)")

    init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: url) }

    var contents: [String] { (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? [] }

    /// Writes a file and gives its path.
    func write(_ bytes: some Sequence<UInt8>, _ name: String) throws -> String {
        let file = url.appending(path: name)
        try Data(bytes).write(to: file)
        return file.path
    }
}
