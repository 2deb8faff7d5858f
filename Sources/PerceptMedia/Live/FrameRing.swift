import PerceptFrame

/// Pictures that are filled anew once nobody holds their frames any longer, so that a running source takes no memory
/// for each frame.
///
/// It grows to as many pictures as are held at once, and one.
struct FrameRing<Storage: FrameStorage> {
    private struct Slot {
        /// Holds the only lasting reference to `storage`, which tells when the frames given out are gone.
        var frame: DecodedFrame?
        /// The reference where there is no frame yet.
        var unframed: Storage?
        unowned(unsafe) let storage: Storage
    }

    private var slots: [Slot] = []
    private var last = 0

    /// Pictures there are.
    var count: Int { slots.count }

    /// The index of a picture that nobody reads, made where there is none.
    mutating func vacant<Failure>(_ make: () throws(Failure) -> Storage) throws(Failure) -> Int {
        for step in 1...max(slots.count, 1) where !slots.isEmpty {
            let index = (last + step) % slots.count
            if slots[index].frame?.ownsStorage() ?? true {
                last = index
                return index
            }
        }
        let storage = try make()
        slots.append(Slot(frame: nil, unframed: storage, storage: storage))
        last = slots.count - 1
        return last
    }

    /// A vacant picture, to be written.
    func storage(_ index: Int) -> Storage { slots[index].storage }

    /// The frame last made of a picture; nil where there was none.
    func frame(_ index: Int) -> DecodedFrame? { slots[index].frame }

    /// Keeps a frame whose storage is the picture's, for as long as it describes what the picture holds.
    mutating func setFrame(_ frame: DecodedFrame, _ index: Int) {
        slots[index].frame = frame
        slots[index].unframed = nil
    }
}
