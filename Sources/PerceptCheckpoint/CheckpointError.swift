package import PerceptFiles

/// What can be wrong with a file of weights or with the configuration beside it.
///
/// Every case carries the file, and the description names it together with the fault.
package enum CheckpointError: Error, Hashable, Sendable {
    /// There is no such file or directory, or what an index names is not there, as `detail` says.
    case absent(file: String, detail: String?)
    /// The operating system refused to open, read or map the file.
    case unreadable(file: String, reason: String)
    /// The file ends before what its own tables promise. Sizes are in bytes.
    case truncated(file: String, needed: Int, found: Int)
    /// The file breaks its format.
    case malformed(file: String, reason: String)
    /// The file is sound but uses something that is deliberately not read.
    case unsupported(file: String, feature: String)
    /// A pickle asks to import `global`, which is not among the few that tensors need. Nothing was executed.
    case forbidden(file: String, global: String)
    /// A tensor that the model needs is not there.
    case missing(file: String, name: String)
    /// A tensor has another shape than the model needs.
    case shape(file: String, name: String, expected: [Int], found: [Int])
    /// A tensor has elements that are NaN or infinite.
    case notFinite(file: String, name: String)
    /// Tensors of a part that the model has not.
    case unused(file: String, names: [String])
    /// The configuration in `source` says one thing and the tensors in `file` say another.
    case contradiction(file: String, source: String, field: String, stated: String, found: String)

    /// The file the error is about.
    package var file: String {
        switch self {
        case .absent(let file, _), .unreadable(let file, _), .truncated(let file, _, _), .malformed(let file, _),
            .unsupported(let file, _),
            .forbidden(let file, _), .missing(let file, _), .shape(let file, _, _, _),
            .notFinite(let file, _), .unused(let file, _), .contradiction(let file, _, _, _, _):
            file
        }
    }
}

extension CheckpointError: KnownFault {
    package var kind: FaultKind {
        if case .absent = self { .missingInput } else { .badData }
    }
}

extension CheckpointError: CustomStringConvertible {
    package var description: String { "\(file): \(fault)" }

    private var fault: String {
        switch self {
        case .absent(_, let detail): "cannot be read: no such file \(detail ?? "or directory")"
        case .unreadable(_, let reason): "cannot be read: \(reason)"
        case .truncated(_, let needed, let found):
            "is truncated: \(needed) bytes are needed, \(found) are there; fetch or copy it again"
        case .malformed(_, let reason): reason
        case .unsupported(_, let feature): "\(feature) is not supported"
        case .forbidden(_, let global): "refused: the pickle asks for '\(global)'; nothing was executed"
        case .missing(_, let name): "tensor '\(name)' is missing"
        case .shape(_, let name, let expected, let found): "tensor '\(name)' has shape \(found), expected \(expected)"
        case .notFinite(_, let name): "tensor '\(name)' has elements that are not finite"
        case .unused(_, let names):
            "\(names.count) tensors are of a part that the model has not: "
                + names.prefix(8).map { "'\($0)'" }.joined(separator: ", ") + (names.count > 8 ? ", …" : "")
        case .contradiction(_, let source, let field, let stated, let found):
            "\(source) says \(field) = \(stated), the tensors say \(found)"
        }
    }
}
