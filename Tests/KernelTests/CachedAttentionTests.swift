import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptShaders
import TestSupport
import Testing

/// Attention of a decoder's rows over keys and values that are there, plain and quantised.
@Suite("Attention over a cache")
struct CachedAttentionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let rows, first, heads, kvHeads, size: Int
        var testDescription: String { "\(rows) rows at \(first), \(heads)/\(kvHeads) heads of \(size)" }

        var width: Int { heads * size }
        var keyWidth: Int { kvHeads * size }
        /// Positions that there are.
        var held: Int { first + rows }
        /// The pages of the sequence, which take turns from the last and the first of the cache; two are nobody's.
        var pages: [Int] {
            let count = Pages.count(positions: held)
            return (0..<count).map { $0 % 2 == 0 ? count + 1 - $0 / 2 : $0 / 2 }
        }
        /// Rows of the cache.
        var room: Int { (Pages.count(positions: held) + 2) * Pages.rows }

        /// Rows of positions [held, columns] where they lie in the cache; others are NaN.
        func spread(_ values: [Float], columns: Int) -> [Float] {
            var cache = [Float](repeating: .nan, count: room * columns)
            for position in 0..<held {
                let row = Pages.row(of: position, in: pages)
                cache.replaceSubrange(
                    row * columns..<(row + 1) * columns, with: values[position * columns..<(position + 1) * columns])
            }
            return cache
        }

        var words: [String: [UInt32]] {
            [
                "places": Place.prompt(first: first, count: rows, rows: rows, pages: pages).words,
                "pages": pages.map(UInt32.init),
            ]
        }

        /// A row alone is a step of decoding.
        func attention(_ q: Tensor, _ cache: Tensor, to type: StorageType, in graph: inout Graph) -> Tensor {
            graph.cachedAttention(
                "attention", q: q, cache: cache, heads: heads, kvHeads: kvHeads, headSize: size,
                places: graph.input("places", Place.shape(rows: rows)), pages: graph.input("pages", [1, pages.count]),
                sequences: rows == 1 ? .many : .one, to: type)
        }
    }

    /// Heads of 8 and 24 make groups of 32 that belong to several heads, or end a row half full.
    static let cases = [
        Case(rows: 1, first: 0, heads: 2, kvHeads: 2, size: 16),
        Case(rows: 1, first: 6, heads: 4, kvHeads: 2, size: 24),
        Case(rows: 1, first: 200, heads: 6, kvHeads: 2, size: 64),
        Case(rows: 1, first: 77, heads: 4, kvHeads: 1, size: 128),
        Case(rows: 1, first: 40, heads: 3, kvHeads: 3, size: 8),
        Case(rows: 5, first: 0, heads: 4, kvHeads: 2, size: 16),
        Case(rows: 33, first: 19, heads: 3, kvHeads: 1, size: 64),
        Case(rows: 70, first: 3, heads: 4, kvHeads: 2, size: 8),
        Case(rows: 18, first: 30, heads: 2, kvHeads: 1, size: 128),
        Case(rows: 21, first: 11, heads: 6, kvHeads: 3, size: 24),
    ]

    /// The styles, and what a CPU driver without 64-bit integers gets.
    private static func profiles(_ test: Case) throws -> [DeviceProfile] {
        var narrow = try Style.native.profile()
        narrow.supports.remove(.int64)
        var result = try Style.allCases.map { try $0.profile() } + [narrow]
        // Several rows have a kernel for devices that cannot shuffle.
        if test.rows > 1 { result.append(try Style.shared.profile().withoutShuffles) }
        return result
    }

    /// What `test` gives in double precision; bound as in `AttentionTests`.
    private func expected(_ test: Case, q: [Float], kv: [Float]) -> [Reference.Bounded] {
        let (size, width, keyWidth) = (test.size, test.width, test.keyWidth)
        var result = [Reference.Bounded](repeating: .init(0), count: test.rows * width)
        for head in 0..<test.heads {
            let shared = head / (test.heads / test.kvHeads) * size
            for row in 0..<test.rows {
                let keys = test.first + row + 1
                func part(_ first: Int) -> [Float] {
                    (0..<keys * size).map { kv[$0 / size * 2 * keyWidth + first + $0 % size] }
                }
                let start = row * width + head * size
                let mixed = Reference.attention(
                    q: Array(q[start..<start + size]), k: part(shared), v: part(keyWidth + shared), queries: 1,
                    keys: keys, size: size, scale: 1 / Double(size).squareRoot(), causal: false)
                for (d, value) in mixed.enumerated() { result[start + d] = .init(value, error: 1.5e-5) }
            }
        }
        return result
    }

    @Test("plain", arguments: cases)
    func plain(test: Case) throws {
        for profile in try Self.profiles(test) {
            for type in StorageType.allCases {
                let cacheType = type == .f32 ? StorageType.f32 : .f16
                let q = numbers(test.rows * test.width, seed: 1, scale: 1.5, in: type)
                let kv = numbers(test.held * 2 * test.keyWidth, seed: 2, scale: 1.5, in: cacheType)
                var graph = Graph()
                let query = graph.input("q", [test.rows, test.width], type)
                let cache = graph.input("cache", [test.room, 2 * test.keyWidth], cacheType)
                graph.output("y", test.attention(query, cache, to: type, in: &graph))
                let found = try Evaluation(
                    graph, on: profile, inputs: ["q": q, "cache": test.spread(kv, columns: 2 * test.keyWidth)],
                    words: test.words)["y"]
                let error = worst(found, expected(test, q: q, kv: kv), storedAs: type)
                #expect(error <= 1, "\(type), \(profile.style): \(error) times the bound")
            }
        }
    }

    /// Counters are where they were, and who came last makes no difference.
    @Test("steps in a row give the same bytes", arguments: cases.filter { $0.rows == 1 })
    func repeated(test: Case) throws {
        let q = numbers(test.width, seed: 1, scale: 1.5)
        let kv = numbers(test.held * 2 * test.keyWidth, seed: 2, scale: 1.5)
        var graph = Graph()
        let query = graph.input("q", [1, test.width])
        let cache = graph.input("cache", [test.room, 2 * test.keyWidth])
        graph.output("y", test.attention(query, cache, to: .f32, in: &graph))
        let recorded = graph
        for profile in try Self.profiles(test) {
            let runs = try TestGPU.run { gpu in
                let program = try Program(Plan(recorded, for: profile), WeightStore(on: gpu), on: gpu)
                for (name, values) in [("q", q), ("cache", test.spread(kv, columns: 2 * test.keyWidth))] {
                    let floats = program.input(name).bindMemory(to: Float.self)
                    for (index, value) in values.enumerated() { floats[index] = value }
                }
                for (name, words) in test.words {
                    words.withUnsafeBytes { program.input(name).copyMemory(from: $0) }
                }
                return try (0..<4).map { _ in
                    try program.run()
                    return program.values("y")
                }
            }
            #expect(worst(runs[0], expected(test, q: q, kv: kv)) <= 1)
            for run in runs.dropFirst() { #expect(run == runs[0]) }
        }
    }

    /// Queries are the first columns of the packed product here, whose others are NaN, as are positions that no row sees.
    @Test("quantised", arguments: cases)
    func quantized(test: Case) throws {
        let columns = 2 * test.keyWidth
        let values = numbers(test.held * columns, seed: 2, scale: 1.5)
        let kv = QuantizedRows.decode(
            rows: QuantizedRows.encode(rows: values, columns: columns, format: .q8), columns: columns, format: .q8)
        let words = Self.words(test.spread(values, columns: columns), columns: columns)
        for profile in try Self.profiles(test) {
            for type in [StorageType.f32, .f16] {
                let q = numbers(test.rows * test.width, seed: 1, scale: 1.5, in: type)
                let packed = (0..<test.rows).flatMap { row in
                    Array(q[row * test.width..<(row + 1) * test.width]) + [Float](repeating: .nan, count: columns)
                }
                var graph = Graph()
                let query = graph.input("q", [test.rows, test.width + columns], type)
                let cache = graph.state(StateSlot("cache"), [test.room, columns], .q8)
                graph.output("y", test.attention(query, cache, to: type, in: &graph))
                let found = try Evaluation(
                    graph, on: profile, inputs: ["q": packed], words: test.words, states: ["cache": words])["y"]
                let error = worst(found, expected(test, q: q, kv: kv), storedAs: type)
                #expect(error <= 1, "\(type), \(profile.style): \(error) times the bound")
            }
        }
    }

    private static func words(_ rows: [Float], columns: Int) -> [UInt32] {
        let bytes = QuantizedRows.encode(rows: rows, columns: columns, format: .q8)
        return bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.load(fromByteOffset: 4 * $0, as: UInt32.self) }
        }
    }

    /// Sequences of very different lengths, two of which share their first pages, and rows that fill up the bucket: each row
    /// gives what it gives alone, bit for bit, and filling rows are zero.
    @Test("steps of several sequences", arguments: [false, true])
    func sequences(quantizes: Bool) throws {
        let (heads, kvHeads, size) = (6, 2, 24)
        let (width, columns) = (heads * size, 2 * kvHeads * size)
        // The position of each row, and its pages.
        let rows: [(position: Int, pages: [Int])?] = [
            (0, [9]), (130, [3, 1, 7]), nil, (140, [3, 1, 4]), (63, [0]), (64, [8, 2]), nil, (20, [5]),
        ]
        let most = 3
        let kv = numbers(10 * Pages.rows * columns, seed: 2, scale: 1.5)
        let q = numbers(rows.count * width, seed: 1, scale: 1.5)
        func run(_ rows: [(position: Int, pages: [Int])?], _ q: [Float], _ profile: DeviceProfile) throws -> [Float] {
            var graph = Graph()
            let query = graph.input("q", [rows.count, width])
            let slot = StateSlot("cache")
            let cache = graph.state(slot, [10 * Pages.rows, columns], quantizes ? .q8 : .plain(.f32))
            graph.output(
                "y",
                graph.cachedAttention(
                    "attention", q: query, cache: cache, heads: heads, kvHeads: kvHeads, headSize: size,
                    places: graph.input("places", Place.shape(rows: rows.count)),
                    pages: graph.input("pages", [rows.count, most]), sequences: .many, to: .f32))
            let places = rows.map { row in
                row.map { Place(position: $0.position, row: nil, keys: $0.position + 1) } ?? .filling
            }
            let pages = rows.flatMap { row in
                (0..<most).map { index in UInt32(row.flatMap { index < $0.pages.count ? $0.pages[index] : nil } ?? 0) }
            }
            return try Evaluation(
                graph, on: profile, inputs: ["q": q], words: ["places": places.words, "pages": pages],
                states: ["cache": quantizes ? Self.words(kv, columns: columns) : kv.map(\.bitPattern)])["y"]
        }
        for profile in try [Style.native, .shared].map({ try $0.profile() }) {
            let together = try run(rows, q, profile)
            for (index, row) in rows.enumerated() {
                let range = index * width..<(index + 1) * width
                guard let row else {
                    #expect(together[range].allSatisfy { $0 == 0 })
                    continue
                }
                #expect(try Array(together[range]) == run([row], Array(q[range]), profile), "row \(index)")
                let test = Case(rows: 1, first: row.position, heads: heads, kvHeads: kvHeads, size: size)
                guard !quantizes else { continue }
                let own = (0...row.position).flatMap { position in
                    let start = Pages.row(of: position, in: row.pages) * columns
                    return Array(kv[start..<start + columns])
                }
                #expect(worst(Array(together[range]), expected(test, q: Array(q[range]), kv: own)) <= 1)
            }
        }
    }
}
