import Foundation
import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptShaders
import TestSupport
import Testing

/// Products that normalise the rows of their result once they are complete: the rows against double precision over the
/// result as it lies there, the result as without.
@Suite("Products that normalise")
struct RowNormTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let rows, width, depth: Int
        var testDescription: String { "\(rows) x \(width) x \(depth)" }
    }

    /// Through `matvec`, one tile of rows, several; one tile of columns, several; widths that are no octets.
    static let cases = [
        (1, 8, 8), (1, 588, 40), (3, 20, 588), (4, 100, 20), (5, 12, 20), (17, 588, 8), (33, 100, 20), (70, 264, 40),
        (197, 20, 8),
    ].map { Case(rows: $0.0, width: $0.1, depth: $0.2) }

    /// What a graph is recorded with besides its shape.
    private struct Variant {
        var kind = Norm.Kind.layer
        var type = StorageType.f32
        var weightType = WeightType.plain(.f32)
        /// Added to the residual.
        var mean: Float = 0
    }

    private let epsilon: Float = 1e-5

    private func graph(_ test: Case, _ variant: Variant, normed: Bool = true) -> Graph {
        var graph = Graph()
        let x = graph.input("x", [test.rows, test.depth], variant.type)
        let bias = Weight("b", [test.width])
        let joined = variant.kind == .layer ? Weight.Joined.stacked([bias]) : .none
        let norm = Norm(
            variant.kind, weights: graph.weight(Weight("w", [test.width], joined: joined)), epsilon: epsilon)
        var epilogue = Epilogue(
            bias: graph.weight(Weight("bias", [test.width])), scale: graph.weight(Weight("scale", [test.width])),
            residual: graph.input("residual", [test.rows, test.width]))
        let rows = graph.result([test.rows, test.width], variant.type)
        if normed {
            epilogue.norm = (norm, rows)
            graph.output("normed", rows)
        }
        let weight = graph.weight(Weight("matrix", [test.width, test.depth]), variant.weightType)
        graph.output("y", graph.linear("linear", x, weight, epilogue, to: .f32))
        return graph
    }

    private func weights(_ test: Case) -> [String: [Float]] {
        [
            "matrix": numbers(test.width * test.depth, seed: 2), "bias": numbers(test.width, seed: 3),
            "scale": numbers(test.width, seed: 4), "w": numbers(test.width, seed: 5),
            "b": numbers(test.width, seed: 6),
        ]
    }

    private func inputs(_ test: Case, _ variant: Variant) -> [String: [Float]] {
        [
            "x": numbers(test.rows * test.depth, seed: 1, in: variant.type),
            "residual": numbers(test.rows * test.width, seed: 7, scale: 3).map { $0 + variant.mean },
        ]
    }

    /// Bound as in `RowTests`: sums of at most a quarter of the columns a lane, and a mean taken off every element.
    private func expected(_ y: [Float], _ test: Case, _ kind: Norm.Kind) -> [Reference.Bounded] {
        let given = weights(test)
        let (w, b) = (given["w"] ?? [], kind == .layer ? given["b"] ?? [] : [Float](repeating: 0, count: test.width))
        return (0..<test.rows).flatMap { row -> [Reference.Bounded] in
            let values = y[row * test.width..<(row + 1) * test.width].map(Double.init)
            let mean = kind == .layer ? values.reduce(0, +) / Double(test.width) : 0
            let variance = values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(test.width)
            let scale = 1 / (variance + Double(epsilon)).squareRoot()
            return values.enumerated().map { column, value in
                let normal = (value - mean) * scale
                let (w, b) = (Double(w[column]), Double(b[column]))
                let error = 0x1p-24 * Double(test.width / 4 + 16) * (abs(mean) * scale + abs(normal) + 1) * abs(w)
                return .init(normal * w + b, error: error + 0x1p-23 * (abs(b) + abs(normal * w)))
            }
        }
    }

    private func check(_ test: Case, _ variant: Variant, on profile: DeviceProfile) throws {
        let found = try Evaluation(
            graph(test, variant), on: profile, inputs: inputs(test, variant), weights: weights(test))
        let error = worst(found["normed"], expected(found["y"], test, variant.kind), storedAs: variant.type)
        #expect(error <= 1, "\(test.testDescription), \(variant): \(error) times the bound")
        #expect(found.paddingIsZero)
        let plain = try Evaluation(
            graph(test, variant, normed: false), on: profile, inputs: inputs(test, variant), weights: weights(test))
        #expect(found["y"] == plain["y"], "\(test.testDescription), \(variant)")
    }

    @Test("shapes with edges on every side", arguments: Style.allCases, [Norm.Kind.layer, .rms])
    func shapes(style: Style, kind: Norm.Kind) throws {
        let few = try style.isSlowToCompile()
        for test in Self.cases where !few || [5, 33].contains(test.rows) {
            try check(test, Variant(kind: kind), on: style.profile())
        }
    }

    @Test("all types of activations and weights", arguments: Style.allCases, WeightType.allCases)
    func types(style: Style, weightType: WeightType) throws {
        for test in Self.cases where [3, 17].contains(test.rows) {
            for type in StorageType.allCases where style.isOwn(for: type) {
                if try style.isSlowToCompile() && (test.rows != 3 || type != .f32) { continue }
                try check(test, Variant(type: type, weightType: weightType), on: style.profile())
            }
        }
    }

    @Test("depths in parts", arguments: [Norm.Kind.layer, .rms])
    func parts(kind: Norm.Kind) throws {
        for test in Self.cases where [4, 17, 33].contains(test.rows) {
            for parts in [2, 8] {
                let profile = try Style.shared.profileWithoutMatvec().making(
                    graph(test, Variant(kind: kind)), by: "matmul_tiled 32x64, 128 lanes, \(parts) parts")
                try check(test, Variant(kind: kind), on: profile)
            }
        }
    }

    @Test("few rows through matmul", arguments: Style.allCases)
    func fewRows(style: Style) throws {
        for test in Self.cases where test.rows <= 4 { try check(test, Variant(), on: style.profileWithoutMatvec()) }
    }

    /// One pass over x and x² would lose all of a variance that is a ten thousandth of the mean's square.
    @Test("a mean that is large beside its rows", arguments: Style.allCases)
    func largeMean(style: Style) throws {
        for test in Self.cases where [4, 17].contains(test.rows) {
            if try style.isSlowToCompile() && test.rows != 4 { continue }
            try check(test, Variant(mean: 300), on: style.profile())
        }
    }

    @Test("matrix units", .enabled(if: MatrixGPU.isTested, "the device has no matrix units"))
    func matrixUnits() throws {
        for (kernel, type) in MatrixGPU.products {
            let profile = try MatrixGPU.profile(only: kernel)
            for test in Self.cases + [Case(rows: 600, width: 632, depth: 72)] where test.rows > 4 {
                for format in [WeightType.plain(type), .q8, .q4] {
                    let variant = Variant(type: type, weightType: format)
                    #expect(try Plan(graph(test, variant), for: profile).kernelNames == [kernel.name])
                    try check(test, variant, on: profile)
                }
            }
        }
    }

    /// Counters are where they were, and who came last makes no difference.
    @Test("runs in a row give the same bytes", arguments: Style.allCases)
    func repeated(style: Style) throws {
        for test in Self.cases where [1, 33].contains(test.rows) {
            let variant = Variant()
            let (recorded, given, inputs) = (graph(test, variant), weights(test), inputs(test, variant))
            let profile = try style.profile()
            let runs = try TestGPU.run { gpu in
                let store = WeightStore(on: gpu)
                try store.load(recorded, from: ArrayWeights(given))
                let program = try Program(Plan(recorded, for: profile), store, on: gpu)
                for (name, tensor) in program.plan.inputs {
                    let floats = program.input(name).bindMemory(to: Float.self)
                    floats.update(repeating: 0)
                    for (index, value) in (inputs[name] ?? []).enumerated() {
                        floats[index / tensor.columns * tensor.paddedColumns + index % tensor.columns] = value
                    }
                }
                return try (0..<4).map { _ in
                    try program.run()
                    return program.values("normed")
                }
            }
            #expect(worst(runs[0], expected(try y(test, variant, profile), test, .layer)) <= 1)
            for run in runs.dropFirst() { #expect(run == runs[0]) }
        }
    }

    private func y(_ test: Case, _ variant: Variant, _ profile: DeviceProfile) throws -> [Float] {
        try Evaluation(
            graph(test, variant), on: profile, inputs: inputs(test, variant), weights: weights(test))["y"]
    }

    @Test("nothing is touched that is not declared", arguments: Style.allCases)
    func poisoned(style: Style) throws {
        for test in Self.cases where [1, 4, 17].contains(test.rows) {
            if try style.isSlowToCompile() && test.rows == 17 { continue }
            let recorded = graph(test, Variant()), given = weights(test)
            let profile = try style.profile()
            try TestGPU.run { gpu in
                let plan = try Plan(recorded, for: profile)
                #expect(PlanChecker.findings(in: plan) == [])
                let run = try PoisonedRun(plan, recorded, from: ArrayWeights(given), on: gpu)
                for name in ["x", "residual"] { run.input(name).bindMemory(to: Float.self).update(repeating: 0.5) }
                #expect(try run.findings() == [], "\(test.testDescription)")
            }
        }
    }

    @Test("rows that f16 cannot hold are kept at its ends and counted")
    func saturation() throws {
        let test = Case(rows: 2, width: 16, depth: 8)
        var given = weights(test)
        given["b"] = (0..<16).map { $0 < 6 ? 70000 : 1 }
        let variant = Variant(type: .f16)
        let found = try Evaluation(graph(test, variant), inputs: inputs(test, variant), weights: given)
        // A store holds two.
        #expect(found.saturations == 2 * 3)
        for (index, value) in found["normed"].enumerated() { #expect((value == 65504) == (index % 16 < 6)) }
    }
}
