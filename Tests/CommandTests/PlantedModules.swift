import Foundation
import TestSupport
import Testing

/// Shader modules with a fault of the test's making, for `PERCEPT_SHADER_DIR`.
enum PlantedModules {
    private static let shaders = PerceptProcess.fixtures.deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Shaders")
    /// Built beside the tests.
    private static let shaderpack = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent().appending(path: "shaderpack")

    static var canBeMade: Bool { FileManager.default.isExecutableFile(atPath: shaderpack.path) }

    /// Builds all modules, those of one file from a changed text; the path of their folder.
    static func make(
        in folder: TemporaryFolder, changing file: String, _ change: (String) -> String
    ) throws -> String {
        let sources = folder.url.appending(path: "Shaders"), modules = folder.url.appending(path: "modules")
        try FileManager.default.copyItem(at: shaders, to: sources)
        let kernel = sources.appending(path: file)
        let text = try String(contentsOf: kernel, encoding: .utf8)
        let changed = change(text)
        #expect(changed != text)
        try changed.write(to: kernel, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = shaderpack
        process.arguments = ["write", sources.path, modules.path]
        try process.run()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return modules.path
    }
}
