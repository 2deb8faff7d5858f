/// Why a file or a directory could not be written.
package enum OutputError: Error, Hashable, Sendable {
    /// The system refused.
    case unwritable(file: String, FileFault)
    /// What is asked for cannot be done there.
    case unsuitable(file: String, reason: String)
    /// Something that is to be made is there already.
    case exists(file: String)

    package var file: String {
        switch self {
        case .unwritable(let file, _), .unsuitable(let file, _), .exists(let file): file
        }
    }

    /// Whoever should read has closed the pipe.
    package var isClosedPipe: Bool {
        if case .unwritable(_, let fault) = self { return fault.isClosedPipe }
        return false
    }
}

extension OutputError: KnownFault {
    package var kind: FaultKind {
        switch self {
        case .unwritable: .outputFault
        case .unsuitable, .exists: .usage
        }
    }
}

extension OutputError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unwritable(let file, let fault): "\(file): cannot be written: \(fault)"
        case .unsuitable(let file, let reason): "\(file): \(reason)"
        case .exists(let file): "\(file): is there already"
        }
    }
}
