package import Foundation
package import PerceptShaders

/// The SPIR-V modules compiled from the catalog when the package was built.
package enum ShaderModules {
    /// Words of a module; nil if the build left it out.
    package static func spirv(of kernel: Kernel) -> Data? {
        guard let text = embeddedModules[kernel.name] else { return nil }
        let encoded = text.withUTF8Buffer { Data(buffer: $0) }
        return Data(base64Encoded: encoded)
    }
}
