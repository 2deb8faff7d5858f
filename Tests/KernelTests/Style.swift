import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptShaders
import TestSupport

/// The kernels a device would get, and those that it can run although others suit it better.
enum Style: CaseIterable, Sendable {
    /// What selection gives the device at hand.
    case native
    /// Kernels that pass data through shared memory.
    case shared
    /// Kernels that read at one address in all lanes, as far as the device can run them.
    case uniform

    func profile() throws -> DeviceProfile {
        var profile = try TestGPU.shared.get().profile
        if self == .shared { profile = profile.inStyle(.gpu) }
        if self == .uniform { profile.readsUniformsOnce = true }
        return profile
    }

    /// Whether the style has kernels of its own for activations of a type.
    func isOwn(for type: StorageType) -> Bool { self != .uniform || type == .f32 }

    /// Whether the device was meant for the style: drivers that load lane by lane take minutes to compile the larger of its
    /// kernels.
    func isSlowToCompile() throws -> Bool { try self == .uniform && !TestGPU.shared.get().profile.readsUniformsOnce }

    /// The same without `matvec`, so that few rows go through `matmul`.
    func profileWithoutMatvec() throws -> DeviceProfile {
        var profile = try profile()
        profile.supports.remove(.subgroupArithmetic)
        return profile
    }
}

extension DeviceProfile {
    /// The same without subgroup shuffles.
    var withoutShuffles: DeviceProfile {
        var profile = self
        profile.supports.remove(.subgroupShuffle)
        return profile
    }

    /// The same with every product of a graph made by the cut of that name.
    func making(_ graph: Graph, by name: String) -> DeviceProfile {
        var profile = self
        for use in TunableUse.all(in: [graph], on: self) { profile.tuning.winners[use.shape.shapeClass] = name }
        return profile
    }
}
