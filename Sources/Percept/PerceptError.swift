public import Foundation
import PerceptFiles

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
        case let cause as PerceptError: cause.deviceWasLost
        case let cause as any KnownFault: cause.isDeviceLost
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
        case let error as any KnownFault: self.init(Code(error.kind), error.description, cause: error)
        case let error as CancellationError: self.init(.cancelled, "cancelled", cause: error)
        default: self.init(.internalFault, String(describing: error), cause: error)
        }
    }

    /// The path that an address stands for.
    static func path(_ url: URL) throws(PerceptError) -> String { try wrap { try url.filePath() } }

    static func wrap<T>(_ body: () throws -> T) throws(PerceptError) -> T {
        do { return try body() } catch { throw PerceptError(error) }
    }
}

extension PerceptError.Code {
    /// The kind of a fault of the layers below.
    init(_ kind: FaultKind) {
        self =
            switch kind {
            case .usage: .usage
            case .badData: .badData
            case .missingInput: .missingInput
            case .unavailable: .unavailable
            case .internalFault: .internalFault
            case .outputFault: .outputFault
            case .temporary: .temporary
            case .noPermission: .noPermission
            }
    }
}
