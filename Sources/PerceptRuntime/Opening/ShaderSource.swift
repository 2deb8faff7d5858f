package import Foundation
import PerceptSPIRV
package import PerceptShaders

/// Where modules come from: the binary, or a folder of `.spv` files that `shaderpack write` made, for work on kernels
/// without rebuilding the package.
package enum ShaderSource {
    /// Whether a kernel's module is there: prebuilt ones may have been left out.
    package static func has(_ kernel: Kernel) -> Bool { (try? spirv(of: kernel)) != nil }

    /// Changes with the names and the modules of kernels (FNV-1a).
    package static func fingerprint(_ kernels: [Kernel]) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for kernel in kernels {
            let module = (try? spirv(of: kernel)) ?? Data()
            for byte in Data(kernel.name.utf8) + module { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        return hash
    }

    package static func spirv(of kernel: Kernel) throws -> Data? {
        guard let folder = ProcessInfo.processInfo.environment["PERCEPT_SHADER_DIR"] else {
            return ShaderModules.spirv(of: kernel)
        }
        let file = URL(filePath: folder).appending(path: "\(kernel.name).spv")
        guard let data = try? Data(contentsOf: file), data.count % 4 == 0, !data.isEmpty else {
            throw RuntimeError.moduleUnreadable(file: file.path)
        }
        return data
    }
}
