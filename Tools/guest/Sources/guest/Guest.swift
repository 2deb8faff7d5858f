import Foundation
import Percept

/// Goes through the doors of the library as a program outside of it does, with the models that are inside. Ends with 1 and a
/// message on standard error where one of them does not lead where its documentation says.
///
/// Usage: guest FOLDER. What is written goes into the folder, which is empty at first.
@main
struct Guest {
    static func main() async {
        guard CommandLine.arguments.count == 2 else { end("usage: guest FOLDER", code: 64) }
        let folder = URL(filePath: CommandLine.arguments[1], directoryHint: .isDirectory)
        var title = "opening a device"
        do {
            try checkNoDriver()
            let cache = folder.appending(path: "cache")
            let gpu = try open(keepingIn: cache)
            let encoder = try await PerceptionEncoder(.demo, on: gpu, precision: .f32)
            let captioner = try await PerceptionLanguageModel(.demo, on: gpu, precision: .f32)
            let checks: [(title: String, check: () async throws -> Void)] = [
                ("pixels in every layout", { try await PixelChecks(encoder: encoder).run() }),
                ("tensors", { try await checkTensors(encoder) }),
                ("the folder for pipelines", { try checkCache(cache) }),
                ("frames", { try await StreamChecks(encoder: encoder).run() }),
                ("results in files", { try await FileChecks(encoder: encoder, folder: folder).run() }),
                ("answers", { try await AnswerChecks(model: captioner).run() }),
                ("errors", { try await ErrorChecks(encoder: encoder, folder: folder).run() }),
            ]
            for (name, check) in checks {
                title = name
                let time = try await ContinuousClock().measure { try await check() }
                print(
                    "\(name): as documented (\(time.formatted(.units(allowed: [.seconds], fractionalPart: .show(length: 1)))))"
                )
            }
        } catch {
            end("\(title): \(error)", code: 1)
        }
        // No exit handlers: a driver's threads may still run.
        fflush(nil)
        _exit(0)
    }

    private static func end(_ message: String, code: Int32) -> Never {
        FileHandle.standardError.write(Data("guest: \(message)\n".utf8))
        _exit(code)
    }

    /// Opens a device whose compiled kernels are kept in a folder of the program's own.
    private static func open(keepingIn cache: URL) throws -> GPU {
        var options = GPU.Options()
        options.cacheDirectory = cache
        return try GPU.open(options)
    }

    /// Compiled kernels are in the folder that was chosen, and nothing is in the usual one.
    private static func checkCache(_ folder: URL) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        try require(names.contains { $0.hasSuffix(".pipelines") }, "no pipelines are among \(names)")
        guard let usual = ProcessInfo.processInfo.environment["XDG_CACHE_HOME"] else { return }
        try require(
            !FileManager.default.fileExists(atPath: URL(filePath: usual).appending(path: "percept").path),
            "something was kept in \(usual), too")
    }
}
