import PerceptVulkan
import Testing

@Suite struct FreeListTests {
    @Test func neighboursJoinAgain() {
        var list = FreeList(capacity: 1000)
        let offsets = (0..<10).compactMap { _ in list.allocate(100, alignment: 1) }
        #expect(offsets == (0..<10).map { $0 * 100 })
        #expect(list.allocate(1, alignment: 1) == nil)
        for index in [3, 5, 4, 0, 9, 1, 2, 8, 6, 7] { list.free(offsets[index], 100) }
        #expect(list.isEmpty && list.ranges == [0..<1000])
    }

    @Test func randomUseNeverOverlaps() {
        var generator = SystemRandomNumberGenerator()
        var list = FreeList(capacity: 1 << 16)
        var live: [Range<UInt64>] = []
        for _ in 0..<5000 {
            if Bool.random(using: &generator), let range = live.randomElement(using: &generator) {
                live.removeAll { $0 == range }
                list.free(range.lowerBound, range.upperBound - range.lowerBound)
            } else {
                let alignment = UInt64(1) << UInt64.random(in: 0...9, using: &generator)
                let size = UInt64.random(in: 1...3000, using: &generator)
                guard let offset = list.allocate(size, alignment: alignment) else { continue }
                #expect(offset.isMultiple(of: alignment) && offset + size <= list.capacity)
                #expect(live.allSatisfy { !$0.overlaps(offset..<offset + size) })
                live.append(offset..<offset + size)
            }
        }
        for range in live { list.free(range.lowerBound, range.upperBound - range.lowerBound) }
        #expect(list.isEmpty)
    }
}
