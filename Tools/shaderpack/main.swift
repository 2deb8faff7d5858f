import Foundation
import PerceptShaders

/// Compiles every row of the catalog, or takes its module from `Shaders/prebuilt/`.
///
///     shaderpack embed SHADERS FILE.swift    one Swift file with all modules but parked ones (what the build plugin runs)
///     shaderpack write SHADERS FOLDER        one .spv a module (for spirv-val, to look at, and for PERCEPT_SHADER_DIR)
///     shaderpack prebuilt SHADERS            lines "row file target source define..." of the modules that are carried prebuilt
///     shaderpack check SHADERS               fails if one of those is missing or out of date
///     shaderpack settle MODULE FILE          the module with `CommonMemory` left to barriers (what prebuilt ones become)
func run(_ arguments: [String]) throws {
    guard arguments.count >= 3 else { throw PackError.usage }
    let folder = URL(filePath: arguments[2])
    let prebuilt = PrebuiltModules(folder: folder)
    switch (arguments[1], arguments.count) {
    case ("prebuilt", 3):
        for kernel in Catalog.all where kernel.isPrebuilt {
            let words = [kernel.name, try prebuilt.fileName(of: kernel), kernel.target, kernel.file] + kernel.defines
            print(words.joined(separator: " "))
        }
    case ("check", 3):
        let stale = try Catalog.all.filter { try $0.isPrebuilt && prebuilt.module(of: $0) == nil }
        guard stale.isEmpty else { throw PackError.stale(modules: stale.map(\.name)) }
    case ("settle", 4):
        let module = try CommonMemory(Data(contentsOf: folder))
        try module.leftToBarriers().write(to: URL(filePath: arguments[3]))
    case ("embed", 4):
        let modules = try modules(Catalog.carried, folder, prebuilt)
        try embeddedSource(modules).write(to: URL(filePath: arguments[3]), atomically: true, encoding: .utf8)
    case ("write", 4):
        let output = URL(filePath: arguments[3])
        try FileManager.default.createDirectory(at: output, withIntermediateDirectories: true)
        for module in try modules(Catalog.all, folder, prebuilt) {
            try module.words.write(to: output.appending(path: "\(module.kernel.name).spv"))
        }
    default: throw PackError.usage
    }
}

/// The modules of rows; of those whose prebuilt one is out of date there is none, and a warning says so.
func modules(
    _ rows: [Kernel], _ folder: URL, _ prebuilt: PrebuiltModules
) throws -> [(kernel: Kernel, words: Data)] {
    let compiler = try ShaderCompiler(folder: folder)
    return try rows.compactMap { kernel in
        guard kernel.isPrebuilt else { return (kernel, try compiler.compile(kernel)) }
        if let words = try prebuilt.module(of: kernel) { return (kernel, words) }
        warn("warning: \(PackError.stale(modules: [kernel.name])); it is left out")
        return nil
    }
}

func warn(_ text: String) { FileHandle.standardError.write(Data("shaderpack: \(text)\n".utf8)) }

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
    warn("\(error)")
    exit(1)
}
