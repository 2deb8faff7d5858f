import PerceptCheckpoint
import PerceptEngine
import PerceptFiles
import PerceptRuntime
import PerceptTokenizer
import PerceptVulkan

#if Media || Hub
    import PerceptHub
#endif
#if Media
    import PerceptMedia
#endif

extension PerceptError {
    /// What a program may want to do something about, finer than ``code``.
    public enum Reason: Sendable, Hashable {
        /// A published model that is not on this machine: ``ModelHub`` can fetch it.
        case modelNotDownloaded(name: String)
        /// No published model has the name.
        case unknownModel(name: String)
        /// A file or directory is not there.
        case fileMissing
        /// A file is damaged, or of a kind that is not read.
        case fileUnreadable
        /// A camera is not there.
        case cameraMissing
        /// A camera, or another device that frames come from, is in use.
        case sourceBusy
        /// A network, a hub or a stream cannot be reached.
        case unreachable
        /// The library that finds Vulkan drivers is not installed.
        case noVulkanLoader
        /// The library that finds Vulkan drivers is older than Vulkan 1.2.
        case oldVulkanLoader
        /// There is no Vulkan driver that works, or no device.
        case noDevice
        /// No device answers to what was asked for, or more than one does.
        case deviceNotFound
        /// The device lacks something that is needed.
        case deviceUnsuitable
        /// The device stopped answering; see ``PerceptError/deviceWasLost``.
        case deviceLost
        /// Device memory does not suffice.
        case deviceMemory
        /// A conversation leaves no room for an answer; ``PerceptError/cause`` is a ``PromptTooLong``.
        case promptTooLong
        /// A result cannot be written.
        case outputUnwritable
        /// The task was cancelled.
        case cancelled
        /// What ``code`` says, and nothing more.
        case other
    }

    /// What a program may want to do something about.
    public var reason: Reason {
        if code == .cancelled { return .cancelled }
        if deviceWasLost { return .deviceLost }
        switch cause {
        case let cause as PerceptError: return cause.reason
        case let cause as Refusal where cause.cause != nil:
            return PerceptError(code, message, cause: cause.cause).reason
        case let cause as ModelNotHere: return .modelNotDownloaded(name: cause.name)
        case let cause as NoSuchModel: return .unknownModel(name: cause.name)
        case is PromptTooLong: return .promptTooLong
        case is OutputError: return .outputUnwritable
        case let cause as VulkanSetupError: return Self.reason(cause)
        case let cause as VulkanError: return cause.isOutOfMemory ? .deviceMemory : .other
        case let cause as RuntimeError:
            if case .memory = cause { return .deviceMemory }
            return .other
        case let cause as CheckpointError: return cause.kind == .missingInput ? .fileMissing : .fileUnreadable
        case let cause as TokenizerError: return cause.kind == .missingInput ? .fileMissing : .fileUnreadable
        #if Media
            case let cause as MediaError: return Self.reason(cause)
        #endif
        #if Media || Hub
            case let cause as HubError: return cause.kind == .unavailable ? .unreachable : .other
        #endif
        default: return code == .missingInput ? .fileMissing : .other
        }
    }

    private static func reason(_ error: VulkanSetupError) -> Reason {
        switch error {
        case .loaderMissing: .noVulkanLoader
        case .loaderTooOld: .oldVulkanLoader
        case .noDriver, .noDevices: .noDevice
        case .deviceNotFound, .ambiguousDevice: .deviceNotFound
        case .missingFeatures, .functionMissing: .deviceUnsuitable
        case .validationLayerMissing, .failed: .other
        }
    }

    #if Media
        private static func reason(_ error: MediaError) -> Reason {
            switch error.fault {
            case .missing: .fileMissing
            case .noCamera: .cameraMissing
            case .busy: .sourceBusy
            case .unreachable, .untrusted, .lost: .unreachable
            case .unreadable, .unsupported, .corrupt, .tooLarge, .noVisualStream: .fileUnreadable
            case .invalidName, .notPermitted: .other
            }
        }
    #endif
}
