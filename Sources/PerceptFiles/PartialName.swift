/// The names that an output has before it is complete, beside its destination: the first is taken that nobody alive uses.
///
/// No name is made of a process's number: in containers, every run has the same.
struct PartialName {
    private let path: String
    private let name: String
    private let longest: Int
    private let isRecording: Bool

    /// - Parameter isRecording: `NAME.partial`, which a person finds and opens; else a name that nobody else gives.
    init(of path: String, isRecording: Bool) {
        self.path = path
        name = FileName.last(path)
        longest = Files.longestName(in: FileName.folder(path))
        self.isRecording = isRecording
    }

    /// The name to try where `number` others are in use.
    func partial(_ number: Int) -> String {
        let count = number == 0 ? "" : "\(number + 1)."
        return fitting(isRecording ? ".\(count)partial" : ".percept.\(count)partial")
    }

    /// Where what an earlier run left of a recording is kept.
    func aside(_ number: Int) -> String { fitting(".partial.\(number)") }

    /// The name with `suffix` behind it, cut where that would be too long.
    private func fitting(_ suffix: String) -> String {
        guard FileName.bytes(name).count + suffix.utf8.count > longest else { return path + suffix }
        // A hash (FNV-1a) tells names apart that are cut to the same. They are cut between characters, since some file
        // systems take nothing but text.
        let hash = FileName.bytes(name).reduce(UInt64(0xCBF2_9CE4_8422_2325)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        let end = "~" + String(hash, radix: 36) + suffix
        var start = name
        while !start.isEmpty, FileName.bytes(start).count + end.utf8.count > longest { start.removeLast() }
        return path[..<path.utf8.index(path.endIndex, offsetBy: -name.utf8.count)] + start + end
    }
}
