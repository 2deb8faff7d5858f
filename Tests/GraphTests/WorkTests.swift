import PerceptGraph
import PerceptModels
import PerceptNumbers
import PerceptShaders
import Testing

/// What dispatches say they compute and move.
@Suite("Work of dispatches")
struct WorkTests {
    private func dispatches(_ graph: Graph) throws -> [String: Dispatch] {
        let plan = try Plan(graph, for: .cpu8)
        return Dictionary(plan.steps.map { ($0.label, $0.dispatch) }) { first, _ in first }
    }

    @Test("a product reads each operand once and writes its result")
    func product() throws {
        var graph = Graph()
        let x = graph.input("x", [5, 24], .f16)
        let weight = graph.weight(Weight("w", [16, 24]), .f16)
        let bias = graph.weight(Weight("b", [16]))
        graph.output("y", graph.linear("fc", x, weight, Epilogue(bias: bias), to: .f32))
        let work = try #require(try dispatches(graph)["fc"]).work()
        #expect(work.flops == 2 * 5 * 24 * 16)
        let halves = 5 * 24 + 16 * 24, floats = 16 + 5 * 16
        #expect(work.bytes == Double(2 * halves + 4 * floats))
    }

    @Test("queries, keys and values in one tensor move once")
    func attention() throws {
        var graph = Graph()
        let qkv = graph.input("qkv", [1, 10, 3 * 64], .f16)
        graph.output("y", graph.attention("attention", qkv: qkv, heads: 2, headSize: 32, causal: false, to: .f16))
        let work = try #require(try dispatches(graph)["attention"]).work()
        #expect(work.flops == 4 * 10 * 10 * 64)
        #expect(work.bytes == Double(2 * 10 * (3 * 64 + 64)))
    }

    @Test("a decoder's work grows with what its cache holds, not with the room there is")
    func cache() throws {
        let config = try #require(PublishedModel.named("PLM-1B")?.language).language
        let decoder = LanguageDecoder(config, storage: .f16, positions: 2048, mediaRows: 256)
        var graph = Graph()
        decoder.step(rows: 1, in: &graph)
        let steps = try dispatches(graph)
        let attention = try #require(steps["layers.0.attention"])
        let width = Double(config.heads * config.headSize)
        let rowBytes = Double(2 * config.kvHeads * config.headSize * 2)
        let near = attention.work(CacheUse(depth: 99, rows: 1)), far = attention.work(CacheUse(depth: 199, rows: 1))
        #expect(near.flops == 4 * 100 * width && far.flops == 4 * 200 * width)
        #expect(far.bytes - near.bytes == 100 * rowBytes)
        // A plan has to reckon with the most.
        #expect(attention.work().flops == 4 * 2048 * width)
        // One row of keys and values is written, not the cache.
        let product = try #require(steps["layers.0.attention.wqkv"]).work()
        let columns = width + Double(2 * config.kvHeads * config.headSize)
        #expect(product.bytes < 2 * columns * Double(config.dim) * 1.01)
        // Sequences that are as long each see as much.
        var several = Graph()
        decoder.step(rows: 4, in: &several)
        let four = try #require(try dispatches(several)["layers.0.attention"])
        let use = CacheUse(depth: 99, rows: 1)
        #expect(four.work(use).flops == 4 * near.flops && four.work().flops == 4 * attention.work().flops)
        #expect(abs(four.work(use).bytes - 4 * near.bytes) < 0.1 * near.bytes)
        // One row of the token table is read.
        #expect(try #require(steps["tok_embeddings"]).work().bytes < 20_000)
    }

    @Test("rows of a prompt see half of it on average")
    func prompt() {
        let use = CacheUse(depth: 0, rows: 7)
        // 1 + 2 + … + 7.
        #expect(use.seen * 7 == 28 && use.held == 7)
        #expect(CacheUse(depth: 10, rows: 1).seen == 11)
    }

    /// The count is that of the reference's formula: 2 · (tokens · parameters of products + attention).
    @Test("a tower's operations")
    func tower() throws {
        let config = try #require(PublishedModel.named("PE-Core-B16-224")?.encoder).vision
        let plan = try Plan(visionGraph(config, batch: 1), for: .cpu8)
        let (tokens, width) = (197.0, 768.0)
        let block = 2 * tokens * (4 + 8) * width * width + 4 * tokens * tokens * width
        let total = plan.steps.reduce(0) { $0 + $1.dispatch.work().flops }
        // Patch embedding and pooling come on top, norms hardly count.
        #expect(total > 12 * block && total < 12 * block * 1.05)
    }
}
