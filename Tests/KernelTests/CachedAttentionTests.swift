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
        /// Positions there is room for: some behind the last one.
        var room: Int { first + rows + 9 }
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
                let kv = numbers(test.room * 2 * test.keyWidth, seed: 2, scale: 1.5, in: cacheType)
                var graph = Graph()
                let query = graph.input("q", [test.rows, test.width], type)
                let cache = graph.input("cache", [test.room, 2 * test.keyWidth], cacheType)
                let place = graph.input("cursor", Cursor.shape)
                graph.output(
                    "y",
                    graph.cachedAttention(
                        "attention", q: query, cache: cache, heads: test.heads, kvHeads: test.kvHeads,
                        headSize: test.size, cursor: place, to: type))
                let found = try Evaluation(
                    graph, on: profile, inputs: ["q": q, "cache": kv],
                    words: ["cursor": [UInt32(test.first), UInt32(test.rows), 0, 0, 0, 0, 0, 0]])["y"]
                let error = worst(found, expected(test, q: q, kv: kv), storedAs: type)
                #expect(error <= 1, "\(type), \(profile.style): \(error) times the bound")
            }
        }
    }

    /// Counters are where they were, and who came last makes no difference.
    @Test("steps in a row give the same bytes", arguments: cases.filter { $0.rows == 1 })
    func repeated(test: Case) throws {
        let q = numbers(test.width, seed: 1, scale: 1.5)
        let kv = numbers(test.room * 2 * test.keyWidth, seed: 2, scale: 1.5)
        var graph = Graph()
        let query = graph.input("q", [1, test.width])
        let cache = graph.input("cache", [test.room, 2 * test.keyWidth])
        graph.output(
            "y",
            graph.cachedAttention(
                "attention", q: query, cache: cache, heads: test.heads, kvHeads: test.kvHeads, headSize: test.size,
                cursor: graph.input("cursor", Cursor.shape), to: .f32))
        let recorded = graph
        for profile in try Self.profiles(test) {
            let runs = try TestGPU.run { gpu in
                let program = try Program(Plan(recorded, for: profile), WeightStore(on: gpu), on: gpu)
                for (name, values) in [("q", q), ("cache", kv)] {
                    let floats = program.input(name).bindMemory(to: Float.self)
                    for (index, value) in values.enumerated() { floats[index] = value }
                }
                let cursor = program.input("cursor").bindMemory(to: UInt32.self)
                cursor.update(repeating: 0)
                (cursor[0], cursor[1]) = (UInt32(test.first), 1)
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
        let values = numbers(test.room * columns, seed: 2, scale: 1.5).enumerated().map { index, value in
            index / columns < test.first + test.rows ? value : .nan
        }
        let bytes = QuantizedRows.encode(rows: values, columns: columns, format: .q8)
        let kv = QuantizedRows.decode(rows: bytes, columns: columns, format: .q8)
        let words = bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.load(fromByteOffset: 4 * $0, as: UInt32.self) }
        }
        for profile in try Self.profiles(test) {
            for type in [StorageType.f32, .f16] {
                let q = numbers(test.rows * test.width, seed: 1, scale: 1.5, in: type)
                let packed = (0..<test.rows).flatMap { row in
                    Array(q[row * test.width..<(row + 1) * test.width]) + [Float](repeating: .nan, count: columns)
                }
                var graph = Graph()
                let query = graph.input("q", [test.rows, test.width + columns], type)
                let cache = graph.state(StateSlot("cache"), [test.room, columns], .q8)
                let place = graph.input("cursor", Cursor.shape)
                graph.output(
                    "y",
                    graph.cachedAttention(
                        "attention", q: query, cache: cache, heads: test.heads, kvHeads: test.kvHeads,
                        headSize: test.size, cursor: place, to: type))
                let found = try Evaluation(
                    graph, on: profile, inputs: ["q": packed],
                    words: ["cursor": [UInt32(test.first), UInt32(test.rows), 0, 0, 0, 0, 0, 0]],
                    states: ["cache": words])["y"]
                let error = worst(found, expected(test, q: q, kv: kv), storedAs: type)
                #expect(error <= 1, "\(type), \(profile.style): \(error) times the bound")
            }
        }
    }
}
