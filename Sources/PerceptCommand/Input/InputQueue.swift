import Foundation
import Percept
import PerceptCommandKit
import PerceptFiles
import Synchronization

/// Inputs in their order: those of the command line, looked at before anything expensive begins, then those of a list, each
/// looked at when its turn comes.
final class InputQueue: Sendable {
    /// An input whose turn it is.
    enum Item: Sendable {
        case file(InputFile)
        /// A file that cannot be read, by its name; nil for a folder, whose files nobody knows.
        case lost(name: String?, PerceptError, isReported: Bool)
    }

    private struct State {
        /// Looked at, or a pipe to be read when its turn comes.
        var ready: ArraySlice<Entry>
        var list: NameList?
        /// Whether the list has named anything.
        var hasNames = false
    }

    private enum Entry: Sendable {
        case item(Item)
        case pipe(String)
    }

    private let state: Mutex<State>
    private let recursive: Bool
    private let listName: String?
    private let advice: @Sendable (String) -> String?
    /// How many inputs there are; nil where a list names more.
    let count: Int?

    /// Looks at what the command line names; directories are replaced by what they hold.
    ///
    /// - Parameters:
    ///   - advice: what else may be wrong where there is no file of a name.
    init(
        _ names: [String], list: sending NameList? = nil, listName: String? = nil, recursive: Bool,
        faults: inout InputFaults,
        advice: @escaping @Sendable (String) -> String? = { _ in nil }
    ) {
        self.recursive = recursive
        self.listName = listName
        self.advice = advice
        var ready: [Entry] = []
        for name in names {
            if Self.isPipe(name) {
                ready.append(.pipe(name))
                continue
            }
            for item in Self.items(name, recursive, advice) {
                guard case .lost(let name, let error, _) = item else {
                    ready.append(.item(item))
                    continue
                }
                faults.report(error)
                ready.append(.item(.lost(name: name, error, isReported: true)))
            }
        }
        count = list == nil ? ready.count { if case .item(.lost) = $0 { false } else { true } } : nil
        state = Mutex(State(ready: ready[...], list: list))
    }

    /// Files that were looked at elsewhere.
    init(_ files: [InputFile]) {
        recursive = false
        listName = nil
        advice = { _ in nil }
        count = files.count
        state = Mutex(State(ready: files.map { .item(.file($0)) }[...]))
    }

    /// The next input, after a wait for whoever writes the list or a pipe; nil behind the last.
    func next() throws(PerceptError) -> Item? {
        try state.withLock { state throws(PerceptError) in
            while true {
                switch state.ready.popFirst() {
                case .item(let item)?: return item
                case .pipe(let name)?: return Self.item(name, advice)
                case nil:
                    guard let list = state.list else { return nil }
                    guard let name = try list.next() else {
                        state.list = nil
                        guard !state.hasNames else { return nil }
                        let error = PerceptError(.missingInput, "\(listName ?? ""): names no file")
                        return .lost(name: nil, error, isReported: false)
                    }
                    state.hasNames = true
                    // Standard input has its name on the command line alone.
                    let file = name == StandardInput.name ? "./-" : name
                    state.ready = Self.items(file, recursive, advice).map { .item($0) }[...]
                }
            }
        }
    }

    /// Lets inputs come again that were taken.
    func giveBack(_ items: [Item]) { state.withLock { $0.ready = items.map { .item($0) } + $0.ready } }

    private static func isPipe(_ name: String) -> Bool {
        guard name != StandardInput.name, let status = Files.status(name) else { return name == StandardInput.name }
        return [S_IFIFO, S_IFSOCK].contains(Files.kind(status))
    }

    /// What a name stands for: a file, or those in a directory.
    private static func items(_ name: String, _ recursive: Bool, _ advice: (String) -> String?) -> [Item] {
        guard Files.isDirectory(name) else { return [item(name, advice)] }
        guard recursive else {
            let error = PerceptError(.badData, "\(name): is a directory; --recursive takes what is in it")
            return [.lost(name: name, error, isReported: false)]
        }
        let folder = MediaFolder(path: name)
        return folder.paths.map { item($0, advice) }
            + folder.faults.map { .lost(name: nil, $0, isReported: false) }
    }

    private static func item(_ name: String, _ advice: (String) -> String?) -> Item {
        do throws(PerceptError) { return .file(try InputFile(name, advice: advice)) } catch {
            return .lost(name: name, error, isReported: false)
        }
    }
}

extension InputFile {
    /// All of a few files, looked at before anything expensive begins; pipes are read to their end.
    static func find(
        _ names: [String], recursive: Bool, faults: inout InputFaults,
        advice: @escaping @Sendable (String) -> String? = { _ in nil }
    ) throws(PerceptError) -> [InputFile] {
        let queue = InputQueue(names, recursive: recursive, faults: &faults, advice: advice)
        var files: [InputFile] = []
        while let item = try queue.next() {
            switch item {
            case .file(let file): files.append(file)
            case .lost(_, let error, let isReported): if !isReported { faults.report(error) }
            }
        }
        return files
    }
}
