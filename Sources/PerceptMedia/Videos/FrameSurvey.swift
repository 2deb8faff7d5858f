import CPerceptMedia

/// What decoding a whole file tells about its frames.
struct FrameSurvey {
    /// Which of the frames that the decoder delivers are whole, counted from 0.
    private(set) var whole: [Int] = []
    /// Frames that are damaged, and packets that none came of.
    private(set) var lost = 0
    /// Whether bytes that mean nothing were passed over.
    private(set) var isMended = false
    /// What the decoder said first.
    private(set) var fault: MediaError.Fault?

    /// Whether the decoder told of nothing that another look might see as damage.
    private(set) var isWhole = false

    init(_ path: String, isCareful: Bool) throws(MediaError.Fault) {
        let cursor = try FrameCursor(path, isCareful: isCareful)
        var count = 0
        while let frame = try cursor.advance() {
            if frame.isWhole { whole.append(count) } else { lost += 1 }
            count += 1
        }
        lost += cursor.rejected
        fault = cursor.firstFault
        isWhole = lost == 0 && !cursor.hasErrors
        isMended = cursor.isMended
    }

    /// What to say of the frames that are used.
    ///
    /// - Parameter missing: frames that the container lists and does not hold.
    /// - Throws: where fewer than half of the frames are left.
    func note(missing: Int) throws(MediaError.Fault) -> String? {
        let lost = lost + missing
        guard !whole.isEmpty else { throw fault ?? .corrupt("no frame of it can be decoded whole") }
        guard lost > 0 else { return nil }
        let all = whole.count + lost
        guard lost <= whole.count else {
            throw .corrupt("too much is lost: \(whole.count) of \(all) frames can be decoded whole")
        }
        return "\(lost) of \(all) frames \(lost == 1 ? "is" : "are") missing or damaged and left out"
    }
}
