import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import TestSupport
import Testing

/// Keys and values on their way into a cache of 8 bits, beside the encoder of weights.
@Suite("Quantised keys and values")
struct QuantizeCacheTests {
    struct Case: Sendable, CustomTestStringConvertible {
        /// Rows of the run, of which the first `count` are real; columns in front of those taken, and these.
        let rows, count, skipped, columns: Int
        var testDescription: String { "\(count) of \(rows) rows, columns \(skipped)..<\(skipped + columns)" }
    }

    /// Whole and partial groups, an odd number of them and an even one, more pairs than a workgroup has lanes.
    static let cases = [
        Case(rows: 1, count: 1, skipped: 16, columns: 16), Case(rows: 1, count: 1, skipped: 2048, columns: 1024),
        Case(rows: 3, count: 2, skipped: 0, columns: 8), Case(rows: 5, count: 4, skipped: 24, columns: 48),
        Case(rows: 16, count: 11, skipped: 40, columns: 96), Case(rows: 7, count: 7, skipped: 8, columns: 72),
        Case(rows: 2, count: 1, skipped: 64, columns: 8200),
    ]
    private static let (first, room) = (3, 24)

    /// Few rows, of few columns, which a product by the identity leaves as they are.
    static let ofProducts =
        cases.filter { $0.rows <= ProductShape.mostMatvecRows && $0.columns <= 128 } + [
            Case(rows: 1, count: 1, skipped: 128, columns: 256), Case(rows: 4, count: 3, skipped: 40, columns: 72),
        ]

    /// - Parameter byProduct: whether a product quantises its own result.
    private func graph(_ test: Case, _ type: StorageType, byProduct: Bool = false) -> Graph {
        var graph = Graph()
        let x = graph.input("x", [test.rows, test.skipped + test.columns], type)
        let cache = graph.state(StateSlot("cache"), [Self.room, test.columns], .q8)
        let places = graph.input("places", Place.shape(rows: test.rows))
        guard byProduct else {
            graph.quantizeCache("cache", x, from: test.skipped, places: places, into: cache)
            return graph
        }
        let weight = graph.weight(Weight("identity", [x.columns, x.columns]))
        let epilogue = Epilogue(places: places, split: .init(column: test.skipped, target: cache))
        graph.output("y", graph.linear("product", x, weight, epilogue, to: type))
        return graph
    }

    private func identity(_ test: Case) -> [Float] {
        let width = test.skipped + test.columns
        return (0..<width * width).map { $0 % (width + 1) == 0 ? 1 : 0 }
    }

    private func places(_ test: Case) -> [UInt32] {
        Place.prompt(first: Self.first, count: test.count, rows: test.rows).words
    }

    /// Groups of very different sizes, one of zeros, and numbers in the columns left out that would show in any scale.
    private func values(_ test: Case, _ type: StorageType) -> [Float] {
        let width = test.skipped + test.columns
        let sizes: [Float] = [1, 0, 300, 0.004, 40000]
        return numbers(test.rows * width, seed: 1).enumerated().map { index, value in
            let column = index % width - test.skipped
            guard column >= 0 else { return type.rounded(60000) }
            let group = column / QuantizedFormat.groupSize + index / width
            return type.rounded(value * sizes[group % sizes.count])
        }
    }

    @Test("codes and scales are the encoder's, up to rounding", arguments: cases, StorageType.allCases)
    func encoded(test: Case, type: StorageType) throws { try check(test, type, byProduct: false) }

    @Test("a product that quantises makes the same of its result", arguments: ofProducts, StorageType.allCases)
    func products(test: Case, type: StorageType) throws { try check(test, type, byProduct: true) }

    private func check(_ test: Case, _ type: StorageType, byProduct: Bool) throws {
        let x = values(test, type), width = test.skipped + test.columns
        // What is there stays there: 1 in every element.
        let ones = QuantizedRows.encode(
            rows: [Float](repeating: 1, count: Self.room * test.columns), columns: test.columns, format: .q8)
        let words = ones.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.load(fromByteOffset: 4 * $0, as: UInt32.self) }
        }
        for style in Style.allCases {
            let found = try Evaluation(
                graph(test, type, byProduct: byProduct), on: style.profile(), inputs: ["x": x],
                words: ["places": places(test)], weights: byProduct ? ["identity": identity(test)] : [:],
                states: ["cache": words])
            if byProduct { #expect(found["y"] == x) }
            let bytes = try #require(found.stateBytes["cache"])
            let rowBytes = QuantizedFormat.q8.rowByteCount(columns: test.columns)
            let codeBytes = QuantizedFormat.q8.codeByteCount(columns: test.columns)
            for row in 0..<Self.room {
                let own = Array(bytes[row * rowBytes..<(row + 1) * rowBytes])
                guard (Self.first..<Self.first + test.count).contains(row) else {
                    #expect(own == Array(ones[row * rowBytes..<(row + 1) * rowBytes]), "row \(row) was touched")
                    continue
                }
                let start = (row - Self.first) * width + test.skipped
                let wanted = Array(x[start..<start + test.columns])
                let encoded = QuantizedRows.encode(rows: wanted, columns: test.columns, format: .q8)
                let decoded = QuantizedRows.decode(rows: own, columns: test.columns, format: .q8)
                for group in 0..<QuantizedFormat.q8.groups(columns: test.columns) {
                    func scale(_ bytes: [UInt8]) -> Float16 {
                        let place = codeBytes + 2 * group
                        return Float16(bitPattern: UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8)
                    }
                    // Halves are rounded as the driver likes.
                    #expect(abs(scale(own) - scale(encoded)) <= scale(encoded).ulp, "row \(row), group \(group)")
                    let columns = group * 32..<min(group * 32 + 32, test.columns)
                    let step = Float(scale(own)) / 128
                    let off = columns.map { abs(decoded[$0] - wanted[$0]) }.max() ?? 0
                    #expect(off <= step * 0.5001, "row \(row), group \(group): off by \(off), a step is \(step)")
                }
                // Missing columns of the last group.
                #expect(own[test.columns..<codeBytes].allSatisfy { $0 == 0 })
            }
            #expect(found.saturations == 0)
        }
    }

    @Test("what a half cannot scale is held and counted; a NaN makes its group NaN, and no other")
    func extremes() throws {
        let test = Case(rows: 1, count: 1, skipped: 8, columns: 96)
        var x = numbers(104, seed: 1)
        (x[8 + 3], x[8 + 32 + 5], x[8 + 64 + 7]) = (-200_000, .nan, 0.5)
        let found = try Evaluation(graph(test, .f32), inputs: ["x": x], words: ["places": places(test)])
        let row = try #require(found.states["cache"])[Self.first * 96..<(Self.first + 1) * 96]
        #expect(row[Self.first * 96 + 3] == -65504 * 127 / 128 && found.saturations == 1)
        #expect((0..<96).filter { row[Self.first * 96 + $0].isNaN } == Array(32..<64))
    }

    @Test("nothing is read or written beyond the rows and groups", arguments: cases)
    func poisoned(test: Case) throws {
        let graph = self.graph(test, .f32), place = places(test)
        try TestGPU.run { gpu in
            let run = try PoisonedRun(Plan(graph, for: gpu.profile), graph, from: ArrayWeights([:]), on: gpu)
            let x = run.input("x").bindMemory(to: Float.self)
            for index in x.indices { x[index] = index % (test.skipped + test.columns) < test.skipped ? .nan : 0.5 }
            let words = run.input("places").bindMemory(to: UInt32.self)
            for (index, word) in place.enumerated() { words[index] = word }
            #expect(try run.findings() == [])
            // Shifted by a word, it reads what is not its own.
            run.displacements = ["x": -4]
            let found = try run.findings()
            #expect(
                found.contains { if case .producedNaN("cache", _, _) = $0 { true } else { false } }, "\(found)")
        }
    }
}
