package import PerceptGraph
package import PerceptNumbers

/// Weights made up by a counter: for benchmarks, where no checkpoint is at hand and only their size matters, and for
/// fixtures; Tools/fixtures/random_weights.py makes the same.
///
/// An element depends on the seed, the weight's name and its place alone, so that every storage type, padding and
/// order of loading gives the same model. Values are nearly normal, with the spread a trained tower of that shape could
/// have, so that activations stay in f16's range: matrices 1 / √fan-in, biases 0.02, norms 1 ± 0.02, LayerScale 0.1 ± 0.02.
package struct RandomWeights: WeightProvider {
    private let seed: UInt64

    package init(seed: UInt64 = 1) { self.seed = seed }

    package func copyRows(
        _ rows: Range<Int>, of weight: Weight, as type: StorageType, to destination: UnsafeMutableRawPointer,
        rowStride: Int
    ) throws -> Bool {
        let first = weight.shape.count == 1 ? 1 : weight.shape[0]
        let others = weight.shape.reduce(1, *) / first
        let distribution = Distribution(weight, fanIn: weight.transposed ? first : others)
        let key = Self.key(of: weight.name, seed: seed)
        let step = UInt64(weight.transposed ? others : 1)
        let columns = weight.columns.count
        withUnsafeTemporaryAllocation(of: Float.self, capacity: columns) { values in
            guard let base = UnsafeRawPointer(values.baseAddress) else { return }
            for (index, row) in rows.enumerated() {
                let origin =
                    weight.transposed
                    ? weight.columns.lowerBound * others + row : row * others + weight.columns.lowerBound
                var place = key &+ UInt64(origin)
                for column in 0..<columns {
                    values[column] = distribution.value(at: place)
                    place &+= step
                }
                let target = destination + index * rowStride * type.byteCount
                _ = ElementType.f32.convert(base, count: columns, to: target, as: type)
                (target + columns * type.byteCount).initializeMemory(
                    as: UInt8.self, repeating: 0, count: (rowStride - columns) * type.byteCount)
            }
        }
        return true
    }

    /// FNV-1a of the name, so that equal shapes do not get equal values.
    private static func key(of name: String, seed: UInt64) -> UInt64 {
        name.utf8.reduce(0xcbf2_9ce4_8422_2325 ^ seed) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}

/// Mean and spread of a weight's elements, told from its name.
private struct Distribution {
    let mean: Float
    let deviation: Float

    init(_ weight: Weight, fanIn: Int) {
        let parts = weight.name.split(separator: ".")
        let last = parts.last ?? ""
        let owner = parts.dropLast().last ?? ""
        (mean, deviation) =
            if last == "gamma" {
                (0.1, 0.02)
            } else if last == "weight" && (owner.hasPrefix("ln_") || owner.contains("norm")) {
                (1, 0.02)
            } else if last.hasSuffix("bias") {
                (0, 0.02)
            } else {
                (0, 1 / Float(fanIn).squareRoot())
            }
    }

    /// The sum of four uniform 16-bit numbers taken from one mixed counter (the finaliser of SplitMix64, Steele, Lea
    /// and Flood 2014): mean 2 · 65535 and variance (2³² - 1) / 3, as near to a normal as a benchmark needs.
    @inline(__always)
    func value(at counter: UInt64) -> Float {
        var bits = counter &* 0x9e37_79b9_7f4a_7c15
        bits = (bits ^ (bits >> 30)) &* 0xbf58_476d_1ce4_e5b9
        bits = (bits ^ (bits >> 27)) &* 0x94d0_49bb_1331_11eb
        bits ^= bits >> 31
        let pairs = (bits & 0x0000_ffff_0000_ffff) + ((bits >> 16) & 0x0000_ffff_0000_ffff)
        let sum = Int32(truncatingIfNeeded: (pairs & 0xffff_ffff) + (pairs >> 32))
        return mean + deviation * (Float(sum - 131_070) * 2.642_859e-05)
    }
}
