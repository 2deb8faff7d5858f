import PerceptFrame

/// Pictures that are filled anew once nobody holds their frames any longer, so that a running source takes no memory
/// for each frame.
///
/// It grows to as many pictures as are held at once, and one.
struct FrameRing<Storage: FrameStorage> {
    private struct Slot {
        /// The only lasting reference: further ones are those of frames that were given out.
        var storage: Storage
        /// The frame last made of the picture, without it.
        var frame: DecodedFrame?
    }

    private var slots: [Slot] = []
    private var last = 0

    /// The index of a picture that nobody reads, made where there is none.
    mutating func vacant<Failure>(_ make: () throws(Failure) -> Storage) throws(Failure) -> Int {
        for step in stride(from: 1, through: slots.count, by: 1) {
            let index = (last + step) % slots.count
            if isKnownUniquelyReferenced(&slots[index].storage) {
                last = index
                return index
            }
        }
        slots.append(Slot(storage: try make()))
        last = slots.count - 1
        return last
    }

    /// A vacant picture, to be written.
    func storage(_ index: Int) -> Storage { slots[index].storage }

    /// The frame of a picture that lies in memory as when it was last set; nil where it never was.
    func frame(_ index: Int) -> DecodedFrame? { slots[index].frame?.replacingStorage(slots[index].storage) }

    /// Keeps how a picture lies in memory.
    mutating func setFrame(_ frame: DecodedFrame, _ index: Int) {
        slots[index].frame = frame.replacingStorage(NoPicture.shared)
    }
}

/// What a frame holds that only tells how a picture lies in memory.
private final class NoPicture: FrameStorage {
    static let shared = NoPicture()

    func rowBytes(ofPlane index: Int) -> Int { 0 }

    func withUnsafeStart<Result, Failure>(
        ofPlane index: Int, _ body: (UnsafeRawPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        preconditionFailure("a frame without its picture")
    }
}
