/// Chunks of pictures and videos whose features are on the device, each in a place of its own, by what they show; those that
/// were used longest ago make room.
struct MediaShelf {
    /// A chunk of an image or a video.
    struct Chunk: Hashable {
        let media: MediaKey
        let index: Int
    }

    private var chunks: [Chunk?]
    private var lastUses: [Int]
    private var places: [Chunk: Int] = [:]
    private var uses = 0

    init(places: Int) {
        chunks = Array(repeating: nil, count: places)
        lastUses = Array(repeating: 0, count: places)
    }

    /// Where a chunk's features are; asking counts as a use.
    mutating func place(of chunk: Chunk) -> Int? {
        guard let place = places[chunk] else { return nil }
        use(place)
        return place
    }

    /// A place for a chunk whose features are about to be made; what it had is gone, and `put` says when they are there.
    mutating func takePlace() -> Int {
        guard let place = lastUses.indices.min(by: { lastUses[$0] < lastUses[$1] }) else {
            preconditionFailure("a shelf of no places")
        }
        if let chunk = chunks[place] { places[chunk] = nil }
        chunks[place] = nil
        use(place)
        return place
    }

    /// Notes that a chunk's features are at a place.
    mutating func put(_ chunk: Chunk, at place: Int) {
        chunks[place] = chunk
        places[chunk] = place
    }

    mutating func removeAll() { self = MediaShelf(places: chunks.count) }

    private mutating func use(_ place: Int) {
        uses += 1
        lastUses[place] = uses
    }
}
