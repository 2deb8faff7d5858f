import PerceptGraph
import PerceptRuntime
import PerceptShaders
import TestSupport

/// The kernels a device would get, and those that it can run although others suit it better.
enum Style: CaseIterable, Sendable {
    /// What selection gives the device at hand.
    case native
    /// Kernels that pass data through shared memory.
    case shared

    func profile() throws -> DeviceProfile {
        var profile = try TestGPU.shared.get().profile
        if self == .shared { profile.style = .gpu }
        return profile
    }

    /// The same without `matvec`, so that few rows go through `matmul`.
    func profileWithoutMatvec() throws -> DeviceProfile {
        var profile = try profile()
        profile.supports.remove(.subgroupArithmetic)
        return profile
    }
}
