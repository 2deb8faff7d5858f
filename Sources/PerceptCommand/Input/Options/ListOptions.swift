import ArgumentParser
import Percept
import PerceptCommandKit

/// Files that are named by a list, besides those of the command line.
struct ListOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Take further files from a list, a name a line; - is standard input. The list is read as it is worked off.",
            valueName: "file|-"), completion: .file())
    var filesFrom: String?

    @Flag(help: "Names in the list end with a byte of 0, as find -print0 writes them.")
    var null = false

    func validate() throws {
        if null && filesFrom == nil { throw ValidationError("--null says how --files-from is written.") }
    }

    /// - Parameters:
    ///   - others: what else may be standard input.
    ///   - advice: what else may be wrong where there is no file of a name.
    /// - Throws: ``PerceptError`` for a list that cannot be opened, and for standard input that is wanted twice.
    func queue(
        _ files: [String], recursive: Bool, others: [String?] = [], faults: inout InputFaults,
        advice: @escaping @Sendable (String) -> String? = { _ in nil }
    ) throws(PerceptError) -> InputQueue {
        try StandardInput.check(files + [filesFrom] + others)
        var list: NameList?
        if let filesFrom { list = try NameList(filesFrom, endsAtNull: null) }
        return InputQueue(
            files, list: list, listName: filesFrom, recursive: recursive, faults: &faults, advice: advice)
    }
}
