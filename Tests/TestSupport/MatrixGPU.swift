import Foundation
package import PerceptGraph
package import PerceptNumbers
import PerceptRuntime
package import PerceptShaders
import PerceptVulkan

/// The matrix units of the test device, used whether or not they are fast, and with parked kernels where there are modules
/// of them.
package enum MatrixGPU {
    /// Nil where the device has none.
    package static let units: MatrixUnits? = (try? TestGPU.shared.get()).flatMap {
        MatrixUnits($0.device.physical, parked: true)
    }

    /// `Tools/test-matrix` asks for them: every test then uses them, and those of theirs fail where they are not there,
    /// instead of being left out.
    package static let isRequired = ProcessInfo.processInfo.environment["PERCEPT_MATRIX"] == "required"
    package static let isTested = units != nil || isRequired

    /// Types of elements that they take.
    package static let types: [StorageType] = [.f16, .bf16].filter { type in
        units?.shapes[type] != nil && MatrixTile.kernel(type).map { units?.kernels.contains($0) == true } == true
    }

    /// Products for them, each with the type of its elements.
    package static let products: [(kernel: Kernel, type: StorageType)] = [StorageType.f16, .bf16].flatMap { type in
        [MatrixTile.kernel(type), WorkgroupMatrixTile.kernel(type)].compactMap { kernel in
            kernel.flatMap { units?.kernels.contains($0) == true ? ($0, type) : nil }
        }
    }

    /// Attention on them, over a packed product or over a decoder's keys and values, each with the type of its elements.
    package static func attentions(cached: Bool) -> [(kernel: Kernel, type: StorageType)] {
        [StorageType.f16, .bf16].flatMap { type in
            [MatrixAttention.kernel(type, cached: cached), WorkgroupMatrixAttention.kernel(type, cached: cached)]
                .compactMap { kernel in kernel.flatMap { units?.kernels.contains($0) == true ? ($0, type) : nil } }
        }
    }

    /// Whether there are matrices of whole workgroups, which no driver at hand has, and kernels for them.
    package static let hasWorkgroups =
        units?.workgroups.isEmpty == false && Catalog.matmulWorkgroupMatrix.kernels.contains(where: ShaderSource.has)

    /// Kernels of a plan that use them.
    package static func kernels(of plan: Plan) -> [String] {
        Set(plan.steps.map(\.dispatch.kernel).filter { units?.kernels.contains($0) == true }.map(\.name)).sorted()
    }

    package struct Missing: Error {}

    /// The test device's profile without them.
    package static func portable() throws -> DeviceProfile {
        var profile = try TestGPU.shared.get().profile
        profile.matrixUnits = nil
        return profile
    }

    /// The test device's profile with products and attention on matrix units.
    ///
    /// - Parameter kernel: the only kernel for them, unless nil.
    package static func profile(only kernel: Kernel? = nil) throws -> DeviceProfile {
        guard var units else { throw Missing() }
        if let kernel { units.kernels = [kernel] }
        var profile = try portable().using(units)
        // As many as make tests of some hundred rows use the large tiles, and the smaller ones below.
        profile.preferences.enoughWorkgroups = 96
        return profile
    }
}
