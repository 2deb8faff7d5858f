public import Foundation
import PerceptCheckpoint
import PerceptFiles
import PerceptGraph
import PerceptHubCache
import PerceptModels
import PerceptRuntime
import PerceptTokenizer
import PerceptVulkan

#if Media
    import PerceptHub
    import PerceptMedia
#endif

/// What went wrong, in words for the person who asked, with the cause for the program that did.
public struct PerceptError: LocalizedError, CustomStringConvertible {
    /// The kind of fault; the raw values are the exit codes of the command (sysexits.h).
    public enum Code: Int32, Sendable {
        /// The request makes no sense: texts for a model without a text tower.
        case usage = 64
        /// A file is damaged, hostile or of an unknown kind.
        case badData = 65
        /// A file is not there.
        case missingInput = 66
        /// No usable Vulkan device or driver; no network.
        case unavailable = 69
        /// A fault of Percept or of the driver.
        case internalFault = 70
        /// A result that cannot be written: a full disk, an output of which nothing more is taken.
        case outputFault = 74
        /// Not now: out of device memory, a full disk, a hub that is busy.
        case temporary = 75
        /// A model that its publisher gives to others only, or a directory that may not be written to.
        case noPermission = 77
        /// The task was cancelled; 130 is how shells report an interrupted command.
        case cancelled = 130
    }

    /// The kind of fault.
    public let code: Code
    /// Names the file or device, the fault, and what to do where that is known.
    public let message: String
    /// The error of the layer below, if any.
    public let cause: (any Error)?

    public var description: String { message }
    /// The message too, which is what alerts and loggers that know errors by `localizedDescription` show.
    public var errorDescription: String? { message }

    /// Whether the device stopped answering. Nothing that was opened on it works any longer; a ``GPU`` opened anew may.
    public var deviceWasLost: Bool {
        switch cause {
        case let cause as VulkanError: cause.isDeviceLost
        case let cause as PerceptError: cause.deviceWasLost
        default: false
        }
    }

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = FileName.shown(message)
        self.cause = cause
    }

    /// Any error of the layers below, seen from outside.
    package init(_ error: any Error) {
        switch error {
        case let error as PerceptError: self = error
        case let error as TokenizerError:
            self.init(Self.code(error), error.description, cause: error)
        case let error as PLMInputError: self.init(.usage, error.description, cause: error)
        case let error as OutputError: self.init(Self.code(error), error.description, cause: error)
        case let error as CheckpointError: self.init(Self.code(error), error.description, cause: error)
        case let error as VulkanSetupError: self.init(.unavailable, error.description, cause: error)
        case let error as VulkanError:
            let advice = error.isDeviceLost ? "; the device stopped answering and has to be opened anew" : ""
            self.init(error.isOutOfMemory ? .temporary : .internalFault, error.description + advice, cause: error)
        case let error as RuntimeError:
            let code: Code =
                switch error {
                case .memory: .temporary
                case .noTimestamps: .unavailable
                default: .internalFault
                }
            self.init(code, error.description, cause: error)
        case let error as InvalidRepositoryName: self.init(.usage, error.description, cause: error)
        #if Media
            case let error as MediaError: self.init(Self.code(error), error.description, cause: error)
            case let error as HubError: self.init(Code(error), error.description, cause: error)
        #endif
        case let error as PlanError: self.init(.unavailable, error.description, cause: error)
        case let error as CancellationError: self.init(.cancelled, "cancelled", cause: error)
        default: self.init(.internalFault, String(describing: error), cause: error)
        }
    }

    private static func code(_ error: TokenizerError) -> Code {
        if case .unreadable(_, let reason) = error, reason.lowercased().hasPrefix("no such file") {
            return .missingInput
        }
        return .badData
    }

    private static func code(_ error: CheckpointError) -> Code {
        if case .unreadable(_, let reason) = error, reason.lowercased().hasPrefix("no such file") {
            return .missingInput
        }
        return .badData
    }

    private static func code(_ error: OutputError) -> Code {
        if case .unwritable = error { return .outputFault }
        return .usage
    }

    #if Media
        private static func code(_ error: MediaError) -> Code {
            switch error.fault {
            case .missing, .noCamera: .missingInput
            case .invalidName: .usage
            case .unreachable, .untrusted, .lost: .unavailable
            case .notPermitted: .noPermission
            case .busy: .temporary
            default: .badData
            }
        }
    #endif

    static func wrap<T>(_ body: () throws -> T) throws(PerceptError) -> T {
        do { return try body() } catch { throw PerceptError(error) }
    }
}
