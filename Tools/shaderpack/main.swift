import Foundation
import PerceptShaders

/// Compiles every row of the catalog.
///
///     shaderpack embed SHADERS FILE.swift    one Swift file with all modules (what the build plugin runs)
///     shaderpack write SHADERS FOLDER        one .spv a module (for spirv-val, and to look at)
func run(_ arguments: [String]) throws {
    guard arguments.count == 4, ["embed", "write"].contains(arguments[1]) else { throw PackError.usage }
    let compiler = try ShaderCompiler(folder: URL(filePath: arguments[2]))
    let modules = try Catalog.all.map { (kernel: $0, words: try compiler.compile($0)) }
    let output = URL(filePath: arguments[3])
    if arguments[1] == "embed" {
        try embeddedSource(modules).write(to: output, atomically: true, encoding: .utf8)
    } else {
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        for module in modules {
            try module.words.write(to: output.appending(path: "\(module.kernel.name).spv"))
        }
    }
}

/// Base64 in `StaticString`s: an array literal of this size takes the Swift compiler minutes.
func embeddedSource(_ modules: [(kernel: Kernel, words: Data)]) -> String {
    var source = "// Made by shaderpack from Shaders/ and PerceptShaders.Catalog.\n\n"
    source += "let embeddedModules: [String: StaticString] = [\n"
    for module in modules {
        source += "    \"\(module.kernel.name)\":\n        \"\(module.words.base64EncodedString())\",\n"
    }
    return source + "]\n"
}

do {
    try run(CommandLine.arguments)
} catch {
    FileHandle.standardError.write(Data("shaderpack: \(error)\n".utf8))
    exit(1)
}
