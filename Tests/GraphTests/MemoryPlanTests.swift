import PerceptGraph
import PerceptNumbers
import Testing

@Suite("Memory plan")
struct MemoryPlanTests {
    @Test(
        "no two tensors alive at once overlap, and the arena is no larger than it must",
        arguments: 0..<60 as Range<UInt64>)
    func properties(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        let intervals = (0..<Int.random(in: 1...80, using: &random)).map { tensor in
            let first = Int.random(in: 0..<50, using: &random)
            return MemoryPlan.Interval(
                tensor: tensor, steps: first...first + Int.random(in: 0..<12, using: &random),
                byteCount: Int.random(in: 1...20_000, using: &random))
        }
        let plan = MemoryPlan(intervals)
        for (index, a) in intervals.enumerated() {
            let span = try #require(plan.spans[a.tensor])
            #expect(span.count == a.byteCount)
            #expect(span.lowerBound.isMultiple(of: MemoryPlan.alignment))
            #expect(span.upperBound <= plan.byteCount)
            for b in intervals[..<index] where a.steps.overlaps(b.steps) {
                let other = try #require(plan.spans[b.tensor])
                #expect(!span.overlaps(other), "\(a) and \(b)")
            }
        }
        let sizes = intervals.map { $0.byteCount.roundedUp(to: MemoryPlan.alignment) }
        let live = (0..<62).map { step in
            zip(intervals, sizes).reduce(0) { $0 + ($1.0.steps.contains(step) ? $1.1 : 0) }
        }
        #expect(plan.byteCount <= sizes.reduce(0, +))
        #expect(plan.byteCount >= live.max() ?? 0)
    }

    @Test("tensors that follow one another share memory")
    func reuse() {
        let plan = MemoryPlan((0..<10).map { .init(tensor: $0, steps: $0...$0 + 1, byteCount: 1024) })
        #expect(plan.byteCount == 2048)
    }

    @Test("nothing takes nothing")
    func empty() { #expect(MemoryPlan([]).byteCount == 0) }
}
