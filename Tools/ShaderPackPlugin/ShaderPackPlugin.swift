import Foundation
import PackagePlugin

/// Compiles `Shaders/` with `shaderpack` whenever a shader changes and embeds the modules in `PerceptSPIRV`.
@main
struct ShaderPackPlugin: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let shaders = context.package.directoryURL.appending(path: "Shaders")
        let output = context.pluginWorkDirectoryURL.appending(path: "EmbeddedModules.swift")
        let files = FileManager.default.enumerator(at: shaders, includingPropertiesForKeys: nil)
        let inputs = (files?.allObjects as? [URL] ?? []).filter { ["comp", "glsl", "spv"].contains($0.pathExtension) }
        return [
            .buildCommand(
                displayName: "Compiling shaders",
                executable: try context.tool(named: "shaderpack").url,
                arguments: ["embed", shaders.path(), output.path()],
                inputFiles: inputs.sorted { $0.path() < $1.path() },
                outputFiles: [output])
        ]
    }
}
