import Foundation
import PerceptGraph
import PerceptNumbers
import PerceptShaders

/// Attention of small fractions, over a packed product or over a decoder's keys and values.
struct TrialAttention: Trial {
    let heads: Int
    let head: Int
    let tokens: Int
    let causal: Bool
    let type: StorageType
    /// Over keys and values of half as many heads, behind `past` earlier tokens.
    let cached: Bool

    /// Weights of the softmax are rounded to the elements' type, and so are results that the next product reads.
    var bound: Double { type.towerError }

    private var past: Int { cached ? 23 : 0 }
    private var keyHeads: Int { cached && heads % 2 == 0 ? heads / 2 : heads }
    private var width: Int { heads * head }
    private var keyWidth: Int { keyHeads * head }
    /// Pages of the cache in the order of the sequence: the last one first.
    private var pages: [Int] { (0..<Pages.count(positions: past + tokens)).reversed() }

    static func checks(of kernel: Kernel, _ type: StorageType) -> [TrialAttention] {
        let cached = kernel.push.contains { $0.name == "pages" }
        // Matrices of workgroups may be wider than a head.
        let isPadded = kernel.requires.contains(.workgroupMatrix)
        return [(64, 70), (96, 133), (128, 31)].prefix(isPadded ? 3 : 1).flatMap { head, tokens in
            (cached ? [true] : [false, true]).map {
                TrialAttention(heads: 4, head: head, tokens: tokens, causal: $0, type: type, cached: cached)
            }
        }
    }

    static func sample(of kernel: Kernel, _ type: StorageType, flops: Double) -> TrialAttention {
        let (heads, head) = (12, 64)
        let tokens = Int(min(max((flops / Double(4 * heads * head)).squareRoot(), 128), 2048))
        let cached = kernel.push.contains { $0.name == "pages" }
        return TrialAttention(heads: heads, head: head, tokens: tokens, causal: cached, type: type, cached: cached)
    }

    var graph: Graph {
        var graph = Graph()
        let y: Tensor
        if cached {
            y = graph.cachedAttention(
                "trial", q: graph.state(StateSlot("x"), [tokens, width], type),
                cache: graph.state(StateSlot("cache"), [pages.count * Pages.rows, 2 * keyWidth], type), heads: heads,
                kvHeads: keyHeads, headSize: head, places: graph.input("places", Place.shape(rows: tokens)),
                pages: graph.input("pages", [1, pages.count]), sequences: .one, to: .f32)
        } else {
            let x = graph.state(StateSlot("x"), [1, tokens, 3 * width], type)
            y = graph.attention("trial", qkv: x, heads: heads, headSize: head, causal: causal, to: .f32)
        }
        graph.output("y", y)
        return graph
    }

    func operands(on gpu: OpenDevice) throws -> TrialOperands {
        let (graph, states) = (graph, StateStore(on: gpu))
        try states.allocate(graph)
        for (slot, tensor) in graph.states {
            // Queries, then keys and values, each as wide as the heads it has.
            let isCache = slot.name == "cache"
            let (firstPart, partWidth) = isCache ? (1, keyWidth) : (0, width)
            try states.fill(slot) { row, memory in
                let token = isCache ? pages[row / Pages.rows] * Pages.rows + row % Pages.rows : past + row
                for column in 0..<tensor.columns {
                    let value = Self.element(firstPart + column / partWidth, token, column % partWidth)
                    memory.storeRounded(value, at: column, as: type)
                }
            }
        }
        return TrialOperands(weights: WeightStore(on: gpu), states: states)
    }

    func fill(_ program: Program) {
        // Where the rows are, and the pages, where there are any.
        for (name, tensor) in program.plan.inputs {
            let places = Place.prompt(first: past, count: tokens, rows: tokens, pages: pages)
            let words = name == "places" ? places.words : pages.map(UInt32.init)
            words.withUnsafeBytes { program.input(tensor).copyMemory(from: $0) }
        }
    }

    func expected(row: Int, column: Int) -> Double {
        let (h, d) = (column / head, column % head)
        let keyHead = h * keyHeads / heads
        let query = past + row
        let scores = (0..<(causal ? query + 1 : past + tokens)).map { key in
            (0..<head).reduce(0.0) {
                $0 + Double(Self.element(0, query, h * head + $1) * Self.element(1, key, keyHead * head + $1))
            } / Double(head).squareRoot()
        }
        let largest = scores.max() ?? 0
        let shares = scores.map { exp($0 - largest) }
        let sum = shares.enumerated().reduce(0.0) {
            $0 + $1.element * Double(Self.element(2, $1.offset, keyHead * head + d))
        }
        return sum / shares.reduce(0, +)
    }

    /// Eighths between -1 and 1, which both types hold.
    private static func element(_ part: Int, _ token: Int, _ column: Int) -> Float {
        Float((part * 5 + token * 7 + column * 3 + token * column % 13) % 17 - 8) / 8
    }
}
