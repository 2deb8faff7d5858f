import CPerceptMedia
import Foundation
package import PerceptFiles

/// Why a media file cannot be used.
package struct MediaError: Error, Equatable, CustomStringConvertible {
    package enum Fault: Error, Equatable {
        /// There is no such file.
        case missing
        /// The file exists but cannot be read; the system's reason.
        case unreadable(String)
        /// Nothing here decodes this format or codec.
        case unsupported(String)
        /// The file breaks the rules of its format, or ends early.
        case corrupt(String)
        /// More pixels than `DecodedFrame.maximumPixels`, or than FFmpeg takes.
        case tooLarge(width: Int, height: Int)
        /// A media file without a picture, such as music.
        case noVisualStream
        /// A source's name, or a choice of it, makes no sense; what would.
        case invalidName(String)
        /// A server does not answer, or not with a stream.
        case unreachable(String)
        /// A server's certificate is refused; why.
        case untrusted(host: String, reason: String)
        /// A device or connection that was in use is gone for good.
        case lost(String)
        /// There is no such camera; what to look at.
        case noCamera(String)
        /// The system does not let this user open the device; what to do.
        case notPermitted(String)
        /// Somebody else uses the device; how to find out who.
        case busy(String)
    }

    /// The file's path, or the name given with bytes in memory.
    package let file: String
    package let fault: Fault

    package init(file: String, fault: Fault) {
        self.file = file
        self.fault = fault
    }

    package var description: String { "\(SourceAddress.shown(file)): \(fault)" }
}

extension MediaError: KnownFault {
    package var kind: FaultKind {
        switch fault {
        case .missing, .noCamera: .missingInput
        case .invalidName: .usage
        case .unreachable, .untrusted, .lost: .unavailable
        case .notPermitted: .noPermission
        case .busy: .temporary
        case .unreadable, .unsupported, .corrupt, .tooLarge, .noVisualStream: .badData
        }
    }
}

extension MediaError.Fault: CustomStringConvertible {
    package var description: String {
        switch self {
        case .missing: "no such file"
        case .unreadable(let reason): "cannot be read: \(reason)"
        case .unsupported(let what): "unsupported: \(what)"
        case .corrupt(let detail): "damaged: \(detail)"
        case .tooLarge(let width, let height):
            "\(width) x \(height) pixels are more than are accepted"
        case .noVisualStream: "holds no picture or video"
        case .invalidName(let what): "cannot be a source: \(what)"
        case .unreachable(let reason): "cannot be reached: \(reason)"
        case .untrusted(let host, let reason):
            "the certificate of \(host) is refused: \(reason)"
        case .lost(let reason): "is gone: \(reason)"
        case .noCamera(let advice): "no such camera; \(advice)"
        case .notPermitted(let advice): "permission denied; \(advice)"
        case .busy(let advice): "in use by another program; \(advice)"
        }
    }

    /// The fault behind a negative FFmpeg result, with the error that FFmpeg logged meanwhile.
    init(_ code: Int32, _ activity: String) {
        let detail = Self.detail(code, activity)
        if let size = Self.refusedSize(detail) {
            self = .tooLarge(width: size.width, height: size.height)
            return
        }
        switch code {
        case percept_averror_decoder_not_found(), percept_averror(ENOSYS), percept_averror_patch_welcome():
            self = .unsupported(detail)
        case percept_averror_exit(): self = .corrupt("\(activity): no progress for \(readPatience) s")
        default: self = .corrupt(detail)
        }
    }

    /// The size in FFmpeg's complaint about one that it does not take.
    private static func refusedSize(_ detail: String) -> (width: Int, height: Int)? {
        guard let start = detail.range(of: "Picture size "), detail.contains("invalid") || detail.contains("exceeds")
        else {
            return nil
        }
        let sides = detail[start.upperBound...].prefix { $0 != " " }.split(separator: "x").compactMap { Int($0) }
        return sides.count == 2 && sides[0] > 0 && sides[1] > 0 ? (sides[0], sides[1]) : nil
    }

    /// What a negative FFmpeg result means, or what FFmpeg logged meanwhile.
    static func detail(_ code: Int32, _ activity: String) -> String {
        let logged = SourceAddress.shown(in: String(cString: percept_message()))
        percept_clear_message()
        let reason = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { text in
            av_strerror(code, text.baseAddress, text.count)
            return String(cString: text.baseAddress!)
        }
        return logged.isEmpty ? "\(activity): \(reason)" : "\(activity): \(logged)"
    }
}

/// Seconds in which reading a file has to achieve something.
let readPatience = 10
