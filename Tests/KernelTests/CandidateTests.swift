import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptShaders
import TestSupport
import Testing

/// Every cut of a product that selection or tuning may take on a GPU, against sums in double precision.
@Suite("Cuts of products")
struct CandidateTests {
    private static let tiled = TiledTile.candidates.map { "matmul_tiled \($0.rows)x\($0.columns), \($0.lanes) lanes" }

    /// The style of a GPU whose measurement preferred the candidate `name`.
    private func profile(_ name: String, _ shape: ProductShape) throws -> DeviceProfile {
        var profile = try Style.shared.profile()
        profile.tuning = TuningTable([shape.shapeClass: name])
        return profile
    }

    /// Sides around those of the tiles, whole octets and not, and depths around a step of 16.
    @Test("tiles in shared memory", arguments: tiled)
    func tiles(name: String) throws {
        for (rows, columns, depth, type) in [
            (1, 8, 8, StorageType.f32), (17, 68, 20, .f32), (63, 132, 24, .f16), (129, 64, 40, .bf16),
            (130, 260, 588, .f32),
        ] {
            let shape = ProductShape(
                rows: rows, columns: columns, depth: depth, type: type, format: .plain(type))
            let profile = try profile(name, shape)
            // With few rows a matvec is a candidate too, so that nothing but the measurement decides.
            #expect(ProductChoice(shape, for: profile).name == name)
            let a = numbers(rows * depth, seed: 1, in: type), b = numbers(columns * depth, seed: 2, in: type)
            var graph = Graph()
            let x = graph.input("x", [rows, depth], type)
            graph.output(
                "y", graph.linear("linear", x, graph.weight(Weight("w", [columns, depth]), type), to: type))
            let found = try Evaluation(graph, on: profile, inputs: ["x": a], weights: ["w": b])
            let expected = Reference.product(a, b, rows: rows, columns: columns, depth: depth)
            let error = worst(found["y"], expected, storedAs: type)
            #expect(error <= 1, "\(rows) x \(columns) x \(depth): \(error) times the bound")
            #expect(found.paddingIsZero)
        }
    }

    @Test("tiles of quantised weights", arguments: tiled, QuantizedFormat.allCases)
    func quantized(name: String, format: QuantizedFormat) throws {
        let (rows, columns, depth) = (70, 100, 72)
        let shape = ProductShape(rows: rows, columns: columns, depth: depth, type: .f32, format: .quantized(format))
        let found = try product(shape, columns: columns, on: profile(name, shape))
        let expected = Reference.product(found.a, found.b, rows: rows, columns: columns, depth: depth)
        #expect(worst(found.y, expected) <= 1)
    }

    /// A quantised product, with B as its decoder reads it.
    ///
    /// - Parameter columns: without the padding that those of the shape have.
    private func product(
        _ shape: ProductShape, columns: Int, on profile: DeviceProfile, a: [Float]? = nil
    ) throws -> (a: [Float], b: [Float], y: [Float]) {
        guard case .quantized(let format) = shape.format else { preconditionFailure("\(shape)") }
        let a = a ?? numbers(shape.rows * shape.depth, seed: 1, in: shape.type)
        let b = numbers(columns * shape.depth, seed: 2)
        var graph = Graph()
        let x = graph.input("x", [shape.rows, shape.depth], shape.type)
        let weight = graph.weight(Weight("w", [columns, shape.depth]), shape.format)
        graph.output("y", graph.linear("linear", x, weight, to: .f32))
        let found = try Evaluation(graph, on: profile, inputs: ["x": a], weights: ["w": b])
        #expect(found.paddingIsZero)
        let coded = QuantizedRows.encode(rows: b, columns: shape.depth, format: format)
        return (a, QuantizedRows.decode(rows: coded, columns: shape.depth, format: format), found["y"])
    }

    // MARK: Packed bytes

    /// A GPU's style with dot products of packed bytes; nil where the device at hand has none.
    private func dotting() throws -> DeviceProfile? {
        var profile = try Style.shared.profile()
        guard profile.supports.contains(.integerDot) else { return nil }
        profile.preferences.dotsPackedBytes = true
        profile.matrixUnits = nil
        // So that few rows go this way too.
        profile.supports.remove(.subgroupArithmetic)
        return profile
    }

    /// Each element of A is off by half a 127th of its group's largest at most, and what that makes of a product is added
    /// to the bound of its sum.
    @Test("packed bytes", arguments: QuantizedFormat.allCases, StorageType.allCases)
    func dot(format: QuantizedFormat, type: StorageType) throws {
        guard let profile = try dotting() else { return }
        for (rows, columns, depth) in [(1, 8, 8), (5, 12, 24), (17, 40, 40), (33, 100, 72), (70, 136, 600)] {
            let shape = ProductShape(rows: rows, columns: columns, depth: depth, type: type, format: .quantized(format))
            #expect(ProductChoice(shape, for: profile).kernel == Catalog.matmulDot)
            let found = try product(shape, columns: columns, on: profile)
            var expected = Reference.product(found.a, found.b, rows: rows, columns: columns, depth: depth)
            for index in expected.indices {
                let (row, column) = (index / columns, index % columns)
                var rounding = 0.0
                for first in stride(from: 0, to: depth, by: 32) {
                    let group = first..<min(first + 32, depth)
                    let largest = group.map { abs(found.a[row * depth + $0]) }.max() ?? 0
                    let weights = group.reduce(0.0) { $0 + Double(abs(found.b[column * depth + $1])) }
                    rounding += 0.5001 * Double(largest) / 127 * weights
                }
                expected[index] = Reference.Bounded(expected[index].value, error: expected[index].error + rounding)
            }
            let error = worst(found.y, expected)
            #expect(error <= 1, "\(rows) x \(columns) x \(depth): \(error) times the bound")
            // A bound that wide would let errors of other kinds through: on average these are far smaller.
            var off = 0.0
            for (value, exact) in zip(found.y, expected) { off += abs(Double(value) - exact.value) / exact.error }
            off /= Double(expected.count)
            #expect(depth < 72 || off < 0.2, "\(off) of the bound on average")
        }
    }

    /// Codes and scales that are exact: elements of A are whole 127ths of their group's largest.
    @Test("packed bytes of what they hold exactly", arguments: QuantizedFormat.allCases)
    func exact(format: QuantizedFormat) throws {
        guard let profile = try dotting() else { return }
        let (rows, columns, depth) = (19, 24, 96)
        let a = (0..<rows * depth).map { place -> Float in
            let code = place * 7919 % 255 - 127
            return place % 32 == 0 ? 127 : Float(code)
        }
        let shape = ProductShape(rows: rows, columns: columns, depth: depth, type: .f32, format: .quantized(format))
        let found = try product(shape, columns: columns, on: profile, a: a)
        #expect(
            worst(found.y, Reference.product(a, found.b, rows: rows, columns: columns, depth: depth)) <= 1)
    }

    @Test("packed bytes keep what is no number", arguments: [Float.nan, .infinity])
    func notFinite(value: Float) throws {
        guard let profile = try dotting() else { return }
        var a = numbers(20 * 64, seed: 1)
        a[3 * 64 + 40] = value
        let shape = ProductShape(rows: 20, columns: 24, depth: 64, type: .f32, format: .q8)
        let found = try product(shape, columns: 24, on: profile, a: a)
        for row in 0..<20 {
            #expect(found.y[row * 24..<row * 24 + 24].allSatisfy { $0.isFinite == (row != 3) })
        }
    }
}
