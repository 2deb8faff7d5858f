import PerceptRuntime

/// Recorded programs by their keys, within a budget of bytes.
struct ProgramShelf {
    private struct Entry {
        let recorded: Any
        let program: Program
        let bytes: Int
        let isKept: Bool
        var lastUse: Int
    }

    /// Bytes of those that are not kept for good; the newest stays even where it alone takes more.
    var budget = Int.max
    private var entries: [AnyHashable: Entry] = [:]
    private var uses = 0

    /// Bytes of all programs, without arenas that they share.
    var byteCount: Int { entries.values.reduce(0) { $0 + $1.bytes } }
    private var countedBytes: Int { entries.values.reduce(0) { $0 + ($1.isKept ? 0 : $1.bytes) } }

    var all: [Program] { entries.values.map(\.program) }

    /// What is kept under a key; asking counts as a use.
    subscript<Slots>(_ key: some Hashable) -> Recorded<Slots>? {
        mutating get {
            guard let entry = entries[key] else { return nil }
            guard let recorded = entry.recorded as? Recorded<Slots> else {
                preconditionFailure("\(key) stands for programs of different kinds")
            }
            uses += 1
            entries[key]?.lastUse = uses
            return recorded
        }
    }

    mutating func add<Slots>(_ recorded: Recorded<Slots>, as key: some Hashable, bytes: Int, isKept: Bool) {
        uses += 1
        entries[key] = Entry(
            recorded: recorded, program: recorded.program, bytes: bytes, isKept: isKept, lastUse: uses)
    }

    /// Lets go of those that were used longest ago until one of so many bytes fits into the budget.
    mutating func makeRoom(for bytes: Int) {
        var counted = countedBytes
        while counted > 0, counted + bytes > budget {
            guard let oldest = entries.filter({ !$0.value.isKept }).min(by: { $0.value.lastUse < $1.value.lastUse })
            else { return }
            counted -= oldest.value.bytes
            entries[oldest.key] = nil
        }
    }

    mutating func remove(_ key: some Hashable) { entries[key] = nil }

    /// - Returns: whether there were any.
    mutating func removeAll(alsoKept: Bool) -> Bool {
        let before = entries.count
        entries = alsoKept ? [:] : entries.filter(\.value.isKept)
        return entries.count < before
    }
}
