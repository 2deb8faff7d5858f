import PerceptGraph
import PerceptNumbers
import TestSupport
import Testing

/// Attention against a softmax in double precision.
///
/// Bound: scores lie within ±8, where GLSL's exp may be off by 19 units in the last place (Vulkan 1.3, table 72), so a
/// weight by 2.3e-6; products and sums add less than as much again. A result is a mean of v: 1e-5 of its largest.
@Suite("Attention")
struct AttentionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let size, tokens, batch: Int
        var testDescription: String { "head \(size), \(tokens) tokens, batch \(batch)" }
    }
    static let cases = [
        (4, 1, 1), (4, 7, 3), (4, 197, 1), (24, 8, 2), (24, 197, 1), (64, 9, 2), (64, 33, 1), (80, 17, 1), (96, 9, 2),
        (128, 8, 1), (128, 33, 1),
    ].map { Case(size: $0.0, tokens: $0.1, batch: $0.2) }

    @Test("full and causal", arguments: Style.allCases, [false, true])
    func attention(style: Style, causal: Bool) throws {
        for (index, test) in Self.cases.enumerated() {
            let type = StorageType.allCases[index % 3]
            guard try style.isOwn(for: type) && (test.size <= 24 || !style.isSlowToCompile()) else { continue }
            let heads = 2, size = test.size, padded = size.roundedUp(to: 8), tokens = test.tokens
            let width = heads * padded
            let values = numbers(test.batch * tokens * 3 * heads * size, seed: 1, scale: 1.5, in: type)
            func value(_ part: Int, _ image: Int, _ head: Int, _ token: Int, _ d: Int) -> Float {
                values[((image * tokens + token) * 3 + part) * heads * size + head * size + d]
            }
            var packed = [Float](repeating: 0, count: test.batch * tokens * 3 * width)
            for row in 0..<test.batch * tokens {
                for column in 0..<3 * width where column % padded < size {
                    packed[row * 3 * width + column] = value(
                        column / width, row / tokens, column % width / padded, row % tokens, column % padded)
                }
            }
            var graph = Graph()
            let qkv = graph.input("qkv", [test.batch, tokens, 3 * width], type)
            graph.output(
                "y", graph.attention("attn", qkv: qkv, heads: heads, headSize: size, causal: causal, to: type))
            var profiles = [try style.profile()]
            if style == .shared { profiles.append(profiles[0].withoutShuffles) }
            var expected = [Reference.Bounded](repeating: .init(0), count: test.batch * tokens * width)
            for image in 0..<test.batch {
                for head in 0..<heads {
                    let parts = (0..<3).map { part in
                        (0..<tokens * size).map { value(part, image, head, $0 / size, $0 % size) }
                    }
                    let mixed = Reference.attention(
                        q: parts[0], k: parts[1], v: parts[2], queries: tokens, keys: tokens, size: size,
                        scale: 1 / Double(size).squareRoot(), causal: causal)
                    for (i, value) in mixed.enumerated() {
                        expected[(image * tokens + i / size) * width + head * padded + i % size] =
                            .init(value, error: 1e-5 * 1.5)
                    }
                }
            }
            for profile in profiles {
                let found = try Evaluation(graph, on: profile, inputs: ["qkv": packed])["y"]
                let error = worst(found, expected, storedAs: type)
                #expect(error <= 1, "\(test.testDescription) \(type): \(error) times the bound")
            }
        }
    }

    @Test("one query over all keys", arguments: [10, 24, 192], StorageType.allCases)
    func pool(size: Int, type: StorageType) throws {
        try pool(size: size, type: type, style: .native)
        // Of the widest head one type is enough: it takes a driver seconds to compile.
        if size < 192 || type == .f16 { try pool(size: size, type: type, style: .shared) }
    }

    private func pool(size: Int, type: StorageType, style: Style) throws {
        for (tokens, batch) in [(1, 1), (9, 3), (197, 2)] {
            let heads = 2, padded = size.roundedUp(to: 8), width = heads * padded
            let q = numbers(heads * size, seed: 1, scale: 1.5)
            let kv = numbers(batch * tokens * 2 * heads * size, seed: 2, scale: 1.5, in: type)
            func pad(_ values: [Float]) -> [Float] {
                (0..<values.count / size).flatMap { head -> [Float] in
                    values[head * size..<(head + 1) * size] + [Float](repeating: 0, count: padded - size)
                }
            }
            var graph = Graph()
            let query = graph.input("q", [1, width])
            let keys = graph.input("kv", [batch, tokens, 2 * width], type)
            graph.output(
                "y", graph.attentionPool("attn", query: query, kv: keys, heads: heads, headSize: size, to: .f32))
            let found = try Evaluation(graph, on: style.profile(), inputs: ["q": pad(q), "kv": pad(kv)])["y"]
            var expected: [Reference.Bounded] = []
            for image in 0..<batch {
                for head in 0..<heads {
                    func part(_ part: Int) -> [Float] {
                        (0..<tokens * size).map { index -> Float in
                            let row = (image * tokens + index / size) * 2 + part
                            return kv[(row * heads + head) * size + index % size]
                        }
                    }
                    let mixed = Reference.attention(
                        q: Array(q[head * size..<(head + 1) * size]), k: part(0), v: part(1), queries: 1, keys: tokens,
                        size: size, scale: 1 / Double(size).squareRoot(), causal: false)
                    expected += mixed.map { .init($0, error: 1e-5 * 1.5) }
                    expected += [Reference.Bounded](repeating: .init(0), count: padded - size)
                }
            }
            let error = worst(found, expected)
            #expect(error <= 1, "\(style), \(tokens) tokens: \(error) times the bound")
        }
    }
}
