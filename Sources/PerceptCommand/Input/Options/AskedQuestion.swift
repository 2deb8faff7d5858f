import Percept
import PerceptFiles

/// The arguments of a question: files, then the question.
struct AskedQuestion {
    let files: [String]
    let question: String

    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` where the question was forgotten or does not come last:
    ///   a file's name would be answered without a look at the file.
    init(_ arguments: [String]) throws(PerceptError) {
        files = Array(arguments.dropLast())
        let last = arguments.last ?? ""
        if let reason = Self.isFile(last) {
            let file = last.contains("://") ? "FILE" : last
            let example = "percept ask \(file) \"What is this?\""
            let question = files.first { $0.contains(" ") && !Files.exists($0) }
            throw PerceptError(
                .usage,
                question == nil
                    ? "\(last): \(reason), and a question is to come behind it: \(example)"
                    : "\(last): \(reason), and the question comes last: \(example)")
        }
        question = try requireText(last, "the question")
        guard !question.utf8.allSatisfy({ $0 == UInt8(ascii: " ") }) else {
            throw PerceptError(.usage, "the question is empty")
        }
    }

    /// Why an argument is taken for a file; nil for words.
    private static func isFile(_ argument: String) -> String? {
        if argument == StandardInput.name { return "is standard input" }
        if Files.isDirectory(argument) { return "is a directory" }
        if Files.exists(argument) { return "is a file" }
        guard !argument.contains(" ") else { return nil }
        if argument.contains("://") { return "is an address, not a file" }
        return MediaNames.mayBeMedia(argument) ? "is the name of a file" : nil
    }
}
