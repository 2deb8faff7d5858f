package import PerceptFiles

/// What is wrong with a list of byte-pair merges. Lines count from 1.
package enum MergesError: KnownFault, Equatable {
    /// The line is not two symbols with one space between them.
    case malformed(line: Int)
    /// A symbol is neither a byte nor the result of an earlier line.
    case unknownSymbol(String, line: Int)
    /// The result of the merge exists already.
    case repeated(String, line: Int)

    package var kind: FaultKind { .badData }

    package var description: String {
        switch self {
        case .malformed(let line):
            "line \(line) of the merges is not two symbols separated by one space"
        case .unknownSymbol(let symbol, let line):
            "line \(line) of the merges uses \"\(symbol)\", which no earlier line makes"
        case .repeated(let symbol, let line):
            "line \(line) of the merges makes \"\(symbol)\", which exists already"
        }
    }
}
