import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptShaders
import TestSupport
import Testing

/// `attention_matrix` and `attention_workgroup_matrix` against a softmax in double precision.
///
/// Bound: as the portable kernel's, and what rounding the weights to the elements' type costs a mean of v.
@Suite("Attention on matrix units", .enabled(if: MatrixGPU.isTested, "the device has no matrix units"))
struct MatrixAttentionTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let size, tokens, batch: Int
        let causal: Bool
        var testDescription: String { "head \(size), \(tokens) tokens, batch \(batch)\(causal ? ", causal" : "")" }
    }
    static let cases = [
        (64, 1, 1, false), (64, 33, 2, false), (96, 197, 1, false), (128, 31, 1, true), (64, 70, 1, true),
        (60, 9, 2, false), (64, 256, 1, false), (80, 65, 1, true), (96, 129, 1, true), (128, 200, 2, false),
    ].map { Case(size: $0.0, tokens: $0.1, batch: $0.2, causal: $0.3) }

    @Test("full and causal", arguments: cases)
    func attention(test: Case) throws {
        for (kernel, type) in MatrixGPU.attentions(cached: false) {
            let heads = 2, size = test.size, padded = size.roundedUp(to: 8), tokens = test.tokens
            let width = heads * padded
            let values = numbers(test.batch * tokens * 3 * width, seed: 1, scale: 1.5, in: type).enumerated().map {
                $0.offset % padded < size ? $0.element : 0
            }
            var graph = Graph()
            let qkv = graph.input("qkv", [test.batch, tokens, 3 * width], type)
            graph.output(
                "y",
                graph.attention("attn", qkv: qkv, heads: heads, headSize: size, causal: test.causal, to: .f32))
            let profile = try MatrixGPU.profile(only: kernel)
            #expect(try Plan(graph, for: profile).kernelNames == [kernel.name])
            var profiles = [profile]
            // In every cut that tuning may choose. A driver that emulates takes ten seconds to compile one: there, in those that
            // differ from the usual in one thing each.
            if test.tokens == 70, let use = TunableUse.all(in: [graph], on: profile).first {
                let cuts = use.shape.candidates(for: profile).filter {
                    $0.kernel == kernel
                        && (profile.family != .cpu || $0.name.contains("16 lanes") || $0.name.hasSuffix("16 keys")
                            || $0.name.hasSuffix("32 queries, 32 lanes, 64 keys"))
                }
                #expect(cuts.count > 1)
                profiles = cuts.map { profile.making(graph, by: $0.name) }
                #expect(
                    Set(try profiles.map { try Plan(graph, for: $0).steps[0].dispatch.constants }).count == cuts.count)
            }

            var expected = [Reference.Bounded](repeating: .init(0), count: test.batch * tokens * width)
            for image in 0..<test.batch {
                for head in 0..<heads {
                    let parts = (0..<3).map { part in
                        (0..<tokens * padded).map { index in
                            let row = image * tokens + index / padded
                            return values[row * 3 * width + part * width + head * padded + index % padded]
                        }
                    }
                    let mixed = Reference.attention(
                        q: parts[0], k: parts[1], v: parts[2], queries: tokens, keys: tokens, size: padded,
                        scale: 1 / Double(size).squareRoot(), causal: test.causal)
                    for (i, value) in mixed.enumerated() {
                        expected[(image * tokens + i / padded) * width + head * padded + i % padded] =
                            .init(value, error: (1e-5 + type.roundoff) * 1.5)
                    }
                }
            }
            for profile in profiles {
                let error = try worst(Evaluation(graph, on: profile, inputs: ["qkv": values])["y"], expected)
                #expect(error <= 1, "\(kernel.name): \(error) times the bound")
            }
        }
    }

    /// Against the portable kernel, whose own test has the reference: groups of heads, pages in any order, rows that fill up a
    /// bucket.
    @Test("over a decoder's keys and values", arguments: [(64, 70, 40), (128, 33, 33), (96, 5, 4)])
    func cached(size: Int, rows: Int, count: Int) throws {
        let (heads, kvHeads, first) = (4, 2, 101)
        let pages = [2, 0, 3]
        for (kernel, type) in MatrixGPU.attentions(cached: true) {
            var graph = Graph()
            let q = graph.input("q", [rows, heads * size], type)
            let cache = graph.state(StateSlot("cache"), [4 * Pages.rows, 2 * kvHeads * size], type)
            // A product by the identity puts keys and values at their positions.
            let filled = graph.input("filled", [first + count, 2 * kvHeads * size], type)
            let filling = graph.input("filling", Place.shape(rows: first + count))
            let width = 2 * kvHeads * size
            let identity = graph.weight(Weight("identity", [8 + width, width]), .plain(type))
            graph.output(
                "none",
                graph.linear(
                    "fill", filled, identity, Epilogue(places: filling, split: .init(column: 8, target: cache)),
                    to: .f32)
            )
            graph.output(
                "y",
                graph.cachedAttention(
                    "attn", q: q, cache: cache, heads: heads, kvHeads: kvHeads, headSize: size,
                    places: graph.input("places", Place.shape(rows: rows)),
                    pages: graph.input("pages", [1, pages.count]), sequences: .one, to: .f32))
            let profile = try MatrixGPU.profile(only: kernel)
            #expect(try Plan(graph, for: profile).kernelNames.contains(kernel.name))
            func run(_ profile: DeviceProfile) throws -> [Float] {
                try Evaluation(
                    graph, on: profile,
                    inputs: [
                        "q": numbers(rows * heads * size, seed: 1, scale: 1.5, in: type),
                        "filled": numbers((first + count) * width, seed: 2, scale: 1.5, in: type),
                    ],
                    words: [
                        "places": Place.prompt(first: first, count: count, rows: rows, pages: pages).words,
                        "filling": Place.prompt(
                            first: 0, count: first + count, rows: first + count, pages: pages
                        ).words,
                        "pages": pages.map(UInt32.init),
                    ],
                    weights: [
                        "identity": (0..<(8 + width) * width).map { $0 / width == $0 % width + 8 ? 1 : 0 }
                    ])["y"]
            }
            let (found, expected) = try (run(profile), run(MatrixGPU.portable()))
            let wanted = expected.prefix(count * heads * size).map {
                Reference.Bounded(Double($0), error: (1e-5 + type.roundoff) * 1.5)
            }
            let error = worst(Array(found.prefix(wanted.count)), wanted)
            #expect(error <= 1 && wanted.contains { abs($0.value) > 0.1 }, "\(kernel.name): \(error) times the bound")
        }
    }

    /// What lies around a tensor is NaN here, and every byte outside of the result is watched.
    @Test("nothing is read or written beyond an edge", arguments: [1, 33, 64])
    func poisoned(tokens: Int) throws {
        for (kernel, type) in MatrixGPU.attentions(cached: false) {
            var graph = Graph()
            let qkv = graph.input("qkv", [2, tokens, 3 * 2 * 64], type)
            graph.output("y", graph.attention("attn", qkv: qkv, heads: 2, headSize: 64, causal: false, to: .f32))
            let (recorded, profile) = (graph, try MatrixGPU.profile(only: kernel))
            try TestGPU.run { gpu in
                let run = try PoisonedRun(Plan(recorded, for: profile), recorded, from: ArrayWeights([:]), on: gpu)
                run.input("qkv").bindMemory(to: UInt16.self).update(repeating: 0)
                #expect(try run.findings() == [])
            }
        }
    }

    /// Skipped on every driver at hand: the kernel waits for a device that has `VK_NV_cooperative_matrix2` with all its parts.
    @Test(
        "matrices of workgroups are among those tested",
        .enabled(if: MatrixGPU.hasWorkgroups, "NOT RUN: the device has no matrices of workgroups"))
    func workgroups() throws {
        for cached in [false, true] {
            let kernels = MatrixGPU.attentions(cached: cached).map(\.kernel)
            let kernel = try #require(WorkgroupMatrixAttention.kernel(.f16, cached: cached))
            #expect(kernels.contains(kernel))
        }
    }
}
