import PerceptEngine
import PerceptGraph
import TestSupport
import Testing

/// Pages of a decoder's cache, without a device.
@Suite("Pages of sequences")
struct SequenceCacheTests {
    private func keys(_ tokens: [Int]) -> [PositionKey] { tokens.map { PositionKey(token: UInt32($0)) } }

    @Test("What was kept is found by its longest beginning, and goes when pages are wanted")
    func kept() throws {
        var cache = SequenceCache(pages: 6)
        let first = Array(0..<150), second = Array(0..<70) + Array(500..<560)
        let three = cache.take(3)
        let pages = try #require(three)
        cache.keep(keys(first), in: pages)
        cache.release(pages)
        #expect(cache.availableCount == 6)
        let shared = cache.longest(keys(second), among: [])
        #expect(shared.count == 70 && shared.pages == Array(pages.prefix(2)))
        // The second shares the first page, and has one of its own.
        cache.retain(shared.pages.prefix(1))
        let two = cache.take(2)
        let own = try #require(two)
        #expect(Set(own).isDisjoint(with: pages))
        #expect(cache.availableCount == 3)
        // What it has is there for others as well.
        let third = cache.longest(keys(Array(second.prefix(100))), among: [(keys(second), [pages[0]] + own)])
        #expect(third.count == 100 && third.pages == [pages[0], own[0]])
        // The kept sequence goes for the sake of whoever wants pages, but for the page that is in use.
        let tooMany = cache.take(4)
        #expect(tooMany == nil)
        let last = cache.take(3)
        let more = try #require(last)
        #expect(!more.contains(pages[0]) && cache.availableCount == 0)
        let gone = cache.longest(keys(first), among: []).count
        #expect(gone == 0)
        cache.release([pages[0]] + own + more)
        #expect(cache.availableCount == 6)
    }

    @Test("A conversation that goes on takes the place of what it was")
    func goesOn() throws {
        var cache = SequenceCache(pages: 4)
        let two = cache.take(2)
        let pages = try #require(two)
        for length in [10, 60, 100, 40] { cache.keep(keys(Array(0..<length)), in: pages) }
        cache.release(pages)
        let before = cache.longest(keys(Array(0..<128)), among: []).count
        let all = cache.take(4)
        #expect(before == 100 && all?.count == 4)
        let after = cache.longest(keys([0]), among: []).count
        #expect(after == 0)
    }

    /// Sequences over few tokens, so that many begin alike, come, grow, are kept or not and go.
    @Test(
        "Random comings and goings: no page has two owners that differ in what it holds, and none is lost",
        arguments: 0..<8)
    func random(seed: UInt64) throws {
        struct Live {
            var tokens: [Int]
            var pages: [Int]
        }
        var random = SplitMix64(state: seed)
        func number(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
        let count = 24
        var cache = SequenceCache(pages: count)
        var live: [Live] = []
        // What was last written to each row.
        var contents = [Int: Int]()
        func write(_ sequence: Live, from start: Int) {
            for position in start..<sequence.tokens.count {
                contents[Pages.row(of: position, in: sequence.pages)] = sequence.tokens[position]
            }
        }
        for _ in 0..<2000 {
            switch number(4) {
            case 0, 1:
                let block = (0..<30).map { _ in number(2) }
                let tokens = (0..<1 + number(300)).map { $0 < 90 ? 7 : block[$0 % 30] }
                let found = cache.longest(keys(tokens), among: live.map { (keys($0.tokens), $0.pages) })
                for position in 0..<found.count {
                    #expect(contents[Pages.row(of: position, in: found.pages)] == tokens[position])
                }
                let whole = Array(found.pages.prefix(found.count / Pages.rows))
                cache.retain(whole)
                guard let own = cache.take(Pages.count(positions: tokens.count + 1) - whole.count) else {
                    cache.release(whole)
                    continue
                }
                live.append(Live(tokens: tokens, pages: whole + own))
                write(live[live.count - 1], from: whole.count * Pages.rows)
            case 2:
                guard !live.isEmpty else { continue }
                let index = number(live.count)
                let start = live[index].tokens.count
                live[index].tokens += [number(3)]
                while live[index].pages.count * Pages.rows < live[index].tokens.count {
                    guard let page = cache.take(1) else { break }
                    live[index].pages += page
                }
                if live[index].pages.count * Pages.rows < live[index].tokens.count {
                    live[index].tokens.removeLast()
                } else {
                    write(live[index], from: start)
                }
            default:
                guard !live.isEmpty else { continue }
                let gone = live.remove(at: number(live.count))
                if number(2) == 0 { cache.keep(keys(gone.tokens), in: gone.pages) }
                cache.release(gone.pages)
            }
            for sequence in live {
                for (position, token) in sequence.tokens.enumerated() where position % 17 == 0 {
                    #expect(contents[Pages.row(of: position, in: sequence.pages)] == token)
                }
            }
            let owned = Set(live.flatMap(\.pages))
            #expect(cache.availableCount == count - owned.count)
        }
        for sequence in live { cache.release(sequence.pages) }
        cache.removeKept()
        let all = cache.take(count) ?? []
        #expect(Set(all).count == count)
    }
}
