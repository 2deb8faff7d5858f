package import PerceptFiles
package import PerceptGraph

/// Why a program could not be made or run, where Vulkan is not to blame.
package enum RuntimeError: KnownFault, Equatable {
    case moduleMissing(kernel: String)
    case moduleUnreadable(file: String)
    /// More device memory than there is: bytes wanted and bytes free.
    case memory(needed: UInt64, available: UInt64)
    /// Times were asked of a device whose compute queue writes none.
    case noTimestamps

    package var kind: FaultKind {
        switch self {
        case .memory: .temporary
        case .noTimestamps: .unavailable
        case .moduleMissing, .moduleUnreadable: .internalFault
        }
    }

    package var description: String {
        switch self {
        case .moduleMissing(let kernel): "kernel \(kernel) was left out when Percept was built"
        case .noTimestamps: "the device writes no timestamps, so its kernels cannot be timed"
        case .moduleUnreadable(let file): "\(file) is not a SPIR-V module"
        case .memory(let needed, let available):
            "\(needed >> 20) MiB of device memory are needed and \(available >> 20) MiB are free"
        }
    }
}

extension PlanError: KnownFault {
    package var kind: FaultKind { .unavailable }
}
