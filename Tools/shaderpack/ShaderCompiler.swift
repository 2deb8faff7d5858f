import CShaderc
import Foundation
import PerceptShaders

enum PackError: Error, CustomStringConvertible {
    case usage
    case unreadable(file: String)
    case compiler
    case rejected(module: String, messages: String)
    /// Prebuilt modules that are missing or were made from other source.
    case stale(modules: [String])
    /// SPIR-V that is not what compilers make of this package's kernels.
    case unparsable

    var description: String {
        switch self {
        case .usage:
            "usage: shaderpack embed SHADERS FILE.swift | shaderpack write SHADERS FOLDER | "
                + "shaderpack prebuilt SHADERS | shaderpack check SHADERS | shaderpack settle MODULE FILE"
        case .unreadable(let file): "cannot read \(file)"
        case .compiler: "libshaderc did not start"
        case .rejected(let module, let messages): "\(module) does not compile:\n\(messages)"
        case .stale(let modules):
            "no prebuilt module of this source for \(modules.joined(separator: ", ")): run Tools/prebuild-shaders"
        case .unparsable: "this is no SPIR-V as glslang makes it of a kernel"
        }
    }
}

/// libshaderc with the folder's `include/` on its path.
final class ShaderCompiler {
    private let folder: URL
    private let handle: OpaquePointer

    init(folder: URL) throws {
        guard let handle = shaderc_compiler_initialize() else { throw PackError.compiler }
        self.folder = folder
        self.handle = handle
    }

    deinit { shaderc_compiler_release(handle) }

    /// SPIR-V of one catalog row, little-endian words as bytes.
    func compile(_ kernel: Kernel) throws -> Data {
        let file = folder.appending(path: kernel.file)
        guard let source = try? String(contentsOf: file, encoding: .utf8) else {
            throw PackError.unreadable(file: file.path())
        }
        let options = shaderc_compile_options_initialize()
        defer { shaderc_compile_options_release(options) }
        shaderc_compile_options_set_target_env(
            options, shaderc_target_env_vulkan, shaderc_env_version_vulkan_1_2.rawValue)
        shaderc_compile_options_set_warnings_as_errors(options)
        for define in kernel.defines {
            shaderc_compile_options_add_macro_definition(options, define, define.utf8.count, "1", 1)
        }
        let includes = IncludeFolder(url: folder.appending(path: "include"))
        return try withExtendedLifetime(includes) {
            shaderc_compile_options_set_include_callbacks(
                options, resolveInclude, releaseInclude, Unmanaged.passUnretained(includes).toOpaque())
            let result = shaderc_compile_into_spv(
                handle, source, source.utf8.count, shaderc_compute_shader, kernel.file, "main", options)
            defer { shaderc_result_release(result) }
            guard shaderc_result_get_compilation_status(result) == shaderc_compilation_status_success else {
                let messages = String(cString: shaderc_result_get_error_message(result))
                throw PackError.rejected(module: kernel.name, messages: messages)
            }
            return Data(bytes: shaderc_result_get_bytes(result), count: shaderc_result_get_length(result))
        }
    }
}

private final class IncludeFolder {
    let url: URL
    init(url: URL) { self.url = url }
}

/// One answer to an `#include`: the C result and the strings it points to, freed together by `releaseInclude`.
private func resolveInclude(
    context: UnsafeMutableRawPointer?, requested: UnsafePointer<CChar>?, type: Int32,
    requesting: UnsafePointer<CChar>?, depth: Int
) -> UnsafeMutablePointer<shaderc_include_result>? {
    guard let context, let requested else { return nil }
    let folder = Unmanaged<IncludeFolder>.fromOpaque(context).takeUnretainedValue()
    let url = folder.url.appending(path: String(cString: requested))
    let text = try? String(contentsOf: url, encoding: .utf8)
    // An empty name tells libshaderc that the content is an error message.
    let name = text == nil ? "" : url.lastPathComponent
    let content = text ?? "cannot read \(url.path())"
    let result = UnsafeMutablePointer<shaderc_include_result>.allocate(capacity: 1)
    result.initialize(
        to: shaderc_include_result(
            source_name: strdup(name), source_name_length: name.utf8.count, content: strdup(content),
            content_length: content.utf8.count, user_data: nil))
    return result
}

private func releaseInclude(context: UnsafeMutableRawPointer?, result: UnsafeMutablePointer<shaderc_include_result>?) {
    guard let result else { return }
    free(UnsafeMutableRawPointer(mutating: result.pointee.source_name))
    free(UnsafeMutableRawPointer(mutating: result.pointee.content))
    result.deallocate()
}
