import Foundation
import PerceptGraph
import TestSupport
import Testing

/// Drawing of tokens against the same algorithm in double precision: from logits that are there, and by the product that
/// makes them.
@Suite("Sampling")
struct SamplingTests {
    struct Settings: Sendable {
        var temperature: Float = 0
        var topP: Float = 1
        var topK = 0
        var seed: UInt64 = 0

        var words: [UInt32] {
            [
                temperature.bitPattern, topP.bitPattern, UInt32(topK), UInt32(truncatingIfNeeded: seed),
                UInt32(seed >> 32), 0, 0, 0,
            ]
        }
    }

    /// `pcg3d` of `Shaders/include/random.glsl`; 24 bits of it as a number in [0, 1).
    private func uniform(_ seed: UInt64, _ counter: UInt32) -> Double {
        var v = [UInt32(truncatingIfNeeded: seed), UInt32(seed >> 32), counter].map { $0 &* 1_664_525 &+ 1_013_904_223 }
        func mix() {
            v[0] &+= v[1] &* v[2]
            v[1] &+= v[2] &* v[0]
            v[2] &+= v[0] &* v[1]
        }
        mix()
        v = v.map { $0 ^ ($0 >> 16) }
        mix()
        return Double(v[0] >> 8) * 0x1p-24
    }

    /// The reference's selection (perception_models: apps/plm/generate.py), by sorting; then the token whose share, in the
    /// vocabulary's order, holds the random number. Nil where the number is too close to a share's end to tell.
    private func expected(_ logits: [Float], _ settings: Settings, position: UInt32) -> Int? {
        let values = logits.map { $0.isNaN ? -.infinity : Double($0) }
        let best = values.indices.max { (values[$0], $1) < (values[$1], $0) } ?? 0
        guard settings.temperature > 0 else { return best }
        let weights = values.map { exp(($0 - values[best]) / Double(settings.temperature)) }
        let total = weights.reduce(0, +)
        let order = values.indices.sorted { (values[$1], $0) < (values[$0], $1) }
        var kept = Set(order)
        if settings.topP < 1 {
            var above = 0.0
            kept = []
            for index in order where above / total <= Double(settings.topP) {
                kept.insert(index)
                above += weights[index]
            }
        } else if settings.topK > 0 {
            let least = values[order[min(settings.topK, order.count) - 1]]
            kept = Set(order.filter { values[$0] >= least })
        }
        let mass = kept.reduce(0) { $0 + weights[$1] }
        let target = uniform(settings.seed, position) * mass
        var reached = 0.0
        for index in values.indices where kept.contains(index) {
            reached += weights[index]
            if abs(reached - target) < 1e-5 * mass { return nil }
            if reached > target { return index }
        }
        return nil
    }

    /// - Parameter word: where the host reads the token.
    private func draw(_ logits: [Float], _ settings: Settings, position: Int, word: Int) throws -> [UInt32] {
        var graph = Graph()
        let (place, places) = (graph.input("settings", [1, 8]), graph.input("places", Place.shape(rows: 1)))
        func drawing(_ name: String) -> Graph.Drawing {
            Graph.Drawing(
                settings: place, places: places, tokens: graph.state(StateSlot("\(name).tokens"), [1, 8]),
                drawn: graph.state(StateSlot("\(name).drawn", isHostVisible: true), [1, 16]))
        }
        graph.sample("sample", logits: graph.input("logits", [1, logits.count]), drawing("sample"))
        // Products of depth one, and the other factor one.
        graph.output(
            "drawn",
            graph.draw(
                "draw", graph.input("one", [1, 1]), graph.weight(Weight("column", [logits.count, 1])), drawing("draw")))
        let stand = Place(position: position, row: nil, keys: position + 1, slot: 3, drawn: word)
        let found = try Evaluation(
            graph, inputs: ["logits": logits, "one": [1]], words: ["settings": settings.words, "places": stand.words],
            weights: ["column": logits])
        let drawn = found.states["sample.drawn"]?.map(\.bitPattern) ?? []
        let tokens = found.states["sample.tokens"]?.map(\.bitPattern) ?? []
        // The next step takes a token that there is, whatever the host is told.
        if logits.allSatisfy(\.isFinite) {
            #expect(tokens[3] == drawn[word])
        } else {
            #expect(tokens[3] < logits.count)
        }
        #expect(found.states["draw.drawn"]?.map(\.bitPattern) == drawn)
        #expect(found.states["draw.tokens"]?.map(\.bitPattern) == tokens)
        #expect(zip(found["drawn"], logits).allSatisfy { $0 == $1 || $0.isNaN && $1.isNaN } && found.paddingIsZero)
        return drawn
    }

    /// Each row has its own logits, settings, position and places; rows that fill up a bucket write nothing.
    @Test("several rows draw what each draws alone")
    func rows() throws {
        let (count, rows) = (1000, 5)
        let logits = numbers(rows * count, seed: 9, scale: 3)
        let settings = Self.settings.filter { $0.temperature > 0 }
        let used = (0..<rows).map { settings[$0 % settings.count] }
        var graph = Graph()
        let drawing = Graph.Drawing(
            settings: graph.input("settings", [rows, 8]), places: graph.input("places", Place.shape(rows: rows)),
            tokens: graph.state(StateSlot("tokens"), [1, 8]),
            drawn: graph.state(StateSlot("drawn", isHostVisible: true), [1, 16]))
        graph.sample("sample", logits: graph.input("logits", [rows, count]), drawing)
        let places = (0..<rows).map { row in
            row == 2 ? .filling : Place(position: 10 * row, row: row, keys: 10 * row + 1, slot: row, drawn: 15 - row)
        }
        let found = try Evaluation(
            graph, inputs: ["logits": logits],
            words: ["settings": used.flatMap(\.words), "places": places.words],
            states: ["tokens": [UInt32](repeating: 77, count: 8)])
        let drawn = try #require(found.states["drawn"]?.map(\.bitPattern))
        let tokens = try #require(found.states["tokens"]?.map(\.bitPattern))
        for row in 0..<rows where row != 2 {
            let own = Array(logits[row * count..<(row + 1) * count])
            #expect(try draw(own, used[row], position: 10 * row, word: 4)[4] == drawn[15 - row])
            #expect(tokens[row] == drawn[15 - row])
        }
        #expect(tokens[2] == 77 && drawn[13] == 0)
    }

    static let settings = [
        Settings(), Settings(temperature: 1), Settings(temperature: 0.3), Settings(temperature: 4),
        Settings(temperature: 1, topK: 1), Settings(temperature: 1, topK: 7), Settings(temperature: 2, topP: 0.5),
        Settings(temperature: 1, topP: 0.9), Settings(temperature: 1, topP: 0.001),
        Settings(temperature: 1, topP: 0.7, topK: 1),
    ]

    @Test("tokens of the reference's algorithm", arguments: settings)
    func reference(settings: Settings) throws {
        var compared = 0
        for (index, count) in [1, 5, 64, 1000, 4099].enumerated() {
            let logits = numbers(count, seed: Double(index + 1), scale: 6)
            for seed in [0, 7, 0xDEAD_BEEF_0000_0001] as [UInt64] {
                var settings = settings
                settings.seed = seed
                let position = 40 + 3 * index
                let ring = try draw(logits, settings, position: position, word: index % 16)
                guard let wanted = expected(logits, settings, position: UInt32(position)) else { continue }
                compared += 1
                #expect(ring[index % 16] == UInt32(wanted), "\(count) logits, seed \(seed)")
            }
        }
        #expect(compared >= 12)
    }

    @Test("equal logits, infinities and NaN")
    func special() throws {
        // The first of equals.
        #expect(try draw([1, 3, 3, 2], Settings(), position: 0, word: 0)[0] == 1)
        // Workgroups have 64 columns.
        for (first, second) in [(0, 256), (63, 64), (127, 128), (130, 999), (5, 6), (640, 769)] {
            var logits = [Float](repeating: -2, count: 1000)
            (logits[first], logits[second]) = (4, 4)
            #expect(try draw(logits, Settings(), position: 0, word: 0)[0] == UInt32(first))
        }
        // Zeros are equal whatever their sign, and padding is no logit.
        #expect(try draw([-1, -0.0, 0, -3], Settings(), position: 0, word: 0)[0] == 1)
        #expect(try draw([-7, -5, -6], Settings(), position: 0, word: 0)[0] == 1)
        #expect(try draw([-Float.greatestFiniteMagnitude], Settings(), position: 0, word: 0)[0] == 0)
        for fault in [Float.nan, -.nan, .infinity, -.infinity] {
            for place in [0, 7, 98, 99] {
                var logits = numbers(100, seed: 3)
                logits[place] = fault
                for settings in [Settings(), Settings(temperature: 1, topP: 0.5)] {
                    let found = try draw(logits, settings, position: 3, word: 0)[0]
                    #expect(found == DrawnToken.notFinite, "\(fault) at \(place)")
                }
            }
        }
        let masked = [Float](repeating: -Float.greatestFiniteMagnitude, count: 99) + [0]
        #expect(try draw(masked, Settings(temperature: 1, seed: 5), position: 9, word: 0)[0] == 99)
    }
}
