package import PerceptFiles

/// What can be wrong with a file that describes a byte-pair tokenizer.
///
/// Every case carries the file, and the description names it together with the fault.
package enum TokenizerError: Error, Hashable, Sendable {
    /// There is no such file.
    case absent(file: String)
    /// The operating system refused to open or read the file.
    case unreadable(file: String, reason: String)
    /// Something else lies in the place of the file.
    case foreign(file: String, what: String)
    /// The file is not JSON from this byte on.
    case notJSON(file: String, byte: Int, reason: String)
    /// A field of the JSON is absent or not what it must be.
    case field(file: String, path: String, expected: String)
    /// A line of a list of ranks is not base64 and a number. Lines count from 1.
    case malformedLine(file: String, line: Int)
    /// The file is sound but asks for something that is not done here.
    case unsupported(file: String, feature: String)
    /// No token stands for this byte, so not every text could be encoded.
    case missingByte(file: String, byte: UInt8)
    /// The token occurs twice.
    case repeatedToken(file: String, token: String)
    /// Two tokens have this id.
    case repeatedID(file: String, token: String, id: Int)
    /// The id is negative or too large for the file.
    case idOutOfRange(file: String, token: String, id: Int)
    /// A merge, counted from 0, uses or makes a token that is not in the vocabulary.
    case unknownSymbol(file: String, symbol: String, merge: Int)
    /// A merge, counted from 0, occurs twice.
    case repeatedMerge(file: String, merge: Int)

    /// The file the error is about.
    package var file: String {
        switch self {
        case .absent(let file), .unreadable(let file, _), .foreign(let file, _), .notJSON(let file, _, _),
            .field(let file, _, _),
            .malformedLine(let file, _),
            .unsupported(let file, _), .missingByte(let file, _), .repeatedToken(let file, _),
            .repeatedID(let file, _, _), .idOutOfRange(let file, _, _), .unknownSymbol(let file, _, _),
            .repeatedMerge(let file, _):
            file
        }
    }
}

extension TokenizerError: KnownFault {
    package var kind: FaultKind {
        if case .absent = self { .missingInput } else { .badData }
    }
}

extension TokenizerError: CustomStringConvertible {
    package var description: String { "\(file): \(fault)" }

    private var fault: String {
        switch self {
        case .absent: "cannot be read: no such file or directory"
        case .unreadable(_, let reason): "cannot be read: \(reason)"
        case .foreign(_, let what): what
        case .notJSON(_, let byte, let reason): "not valid JSON at byte \(byte): \(reason)"
        case .field(_, let path, let expected): "'\(path)' must be \(expected)"
        case .malformedLine(_, let line): "line \(line) is not a base64 token and its rank"
        case .unsupported(_, let feature): "\(feature) is not supported"
        case .missingByte(_, let byte): "the vocabulary has no token for byte \(byte)"
        case .repeatedToken(_, let token): "token \(token.debugDescription) occurs twice"
        case .repeatedID(_, let token, let id): "token \(token.debugDescription) has id \(id), which another has too"
        case .idOutOfRange(_, let token, let id): "token \(token.debugDescription) has id \(id), which is out of range"
        case .unknownSymbol(_, let symbol, let merge):
            "merge \(merge) needs token \(symbol.debugDescription), which the vocabulary lacks"
        case .repeatedMerge(_, let merge): "merge \(merge) occurs twice"
        }
    }
}
