package import Foundation

/// Runs `percept`, or another program, that was built beside the tests.
package struct PerceptProcess: Sendable {
    package let status: Int32
    package let output: Data
    package let errors: String

    package var text: String { String(decoding: output, as: UTF8.self) }
    package var lines: [String] { text.split(separator: "\n").map(String.init) }

    package static let programs = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()

    /// - Parameters:
    ///   - environment: added to that of the tests.
    ///   - inherits: which variables of the tests it gets; all unless given.
    ///   - input: standard input; nothing unless given.
    ///   - inputFile: a file for standard input instead.
    ///   - interruption: seconds after which SIGINT is sent.
    package static func run(
        _ arguments: [String], program: String = "percept", environment: [String: String] = [:],
        inherits: (String) -> Bool = { _ in true }, input: String? = nil, inputFile: URL? = nil,
        interruption: Double? = nil
    ) async throws -> PerceptProcess {
        // Files take any amount; a pipe that nobody reads would stop the process.
        let folder = try TemporaryFolder()
        let (output, errors) = (folder.url.appending(path: "output"), folder.url.appending(path: "errors"))
        let process = Process()
        process.executableURL = program.hasPrefix("/") ? URL(filePath: program) : programs.appending(path: program)
        process.arguments = arguments
        let inherited = ProcessInfo.processInfo.environment.filter { inherits($0.key) }
        process.environment = inherited.merging(environment) { $1 }
        for file in [output, errors] { try Data().write(to: file) }
        process.standardOutput = try FileHandle(forWritingTo: output)
        process.standardError = try FileHandle(forWritingTo: errors)
        if let inputFile {
            process.standardInput = try FileHandle(forReadingFrom: inputFile)
        } else if let input {
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
            errors: String(decoding: try Data(contentsOf: errors), as: UTF8.self))
    }

    /// Runs a script of bash, which finds the program as `$PERCEPT`: for pipes, and for names that are no text.
    package static func shell(
        _ script: String, environment: [String: String] = [:]
    ) async throws -> PerceptProcess {
        let program = programs.appending(path: "percept").path
        return try await run(
            ["-c", script], program: "/bin/bash", environment: environment.merging(["PERCEPT": program]) { $1 })
    }

    /// The output as a JSON object.
    package func object() throws -> [String: Any] {
        let value = try JSONSerialization.jsonObject(with: output)
        guard let object = value as? [String: Any] else { throw NoObject(text: text) }
        return object
    }

    /// The output is JSON, but no object.
    package struct NoObject: Error {
        package let text: String
    }
}
