import Foundation
package import PerceptNumbers

/// What kernels should compute, one element at a time in double precision, with how far f32 may be off.
package enum Reference {
    /// A value and the largest error that f32 arithmetic in any order may make of it.
    package struct Bounded: Sendable {
        package var value: Double
        package var error: Double

        package init(_ value: Double, error: Double = 0) {
            self.value = value
            self.error = error
        }
    }

    static let unit = 0x1p-24

    /// A · Bᵀ: a sum of K products is off by at most (K + 2) units of the sum of magnitudes, in whatever order it is
    /// taken (Higham 2002, section 3.1).
    package static func product(_ a: [Float], _ b: [Float], rows: Int, columns: Int, depth: Int) -> [Bounded] {
        var result: [Bounded] = []
        result.reserveCapacity(rows * columns)
        for row in 0..<rows {
            for column in 0..<columns {
                var sum = 0.0, magnitudes = 0.0
                for k in 0..<depth {
                    let term = Double(a[row * depth + k]) * Double(b[column * depth + k])
                    sum += term
                    magnitudes += abs(term)
                }
                result.append(Bounded(sum, error: Double(depth + 2) * unit * magnitudes))
            }
        }
        return result
    }

    /// Exact GELU, whose slope is at most 1.13; the kernel's erf is off by 5e-7.
    package static func gelu(_ x: Bounded) -> Bounded {
        let value = 0.5 * x.value * erfc(-x.value / 2.0.squareRoot())
        return Bounded(value, error: 1.13 * x.error + 5e-7 * abs(x.value))
    }

    /// One more f32 operation on a value.
    package static func add(_ x: Bounded, _ y: Float) -> Bounded {
        let value = x.value + Double(y)
        return Bounded(value, error: x.error + unit * (abs(value) + abs(x.value)))
    }

    package static func multiply(_ x: Bounded, _ y: Float) -> Bounded {
        let value = x.value * Double(y)
        return Bounded(value, error: x.error * abs(Double(y)) + unit * abs(value))
    }

    /// A rotated pair.
    package static func rotate(_ x: Bounded, _ y: Bounded, cosine: Float, sine: Float) -> (Bounded, Bounded) {
        let (c, s) = (Double(cosine), Double(sine))
        let error = (x.error + y.error) + 3 * unit * (abs(x.value) + abs(y.value))
        return (Bounded(x.value * c - y.value * s, error: error), Bounded(y.value * c + x.value * s, error: error))
    }

    /// softmax(scale · q kᵀ) v for one head, q [queries, size], k and v [keys, size].
    package static func attention(
        q: [Float], k: [Float], v: [Float], queries: Int, keys: Int, size: Int, scale: Double, causal: Bool
    ) -> [Double] {
        var result = [Double](repeating: 0, count: queries * size)
        for query in 0..<queries {
            let seen = causal ? query + 1 : keys
            var scores = (0..<seen).map { key in
                scale * (0..<size).reduce(0.0) { $0 + Double(q[query * size + $1]) * Double(k[key * size + $1]) }
            }
            let largest = scores.max() ?? 0
            scores = scores.map { exp($0 - largest) }
            let total = scores.reduce(0, +)
            for key in 0..<seen {
                for d in 0..<size { result[query * size + d] += scores[key] / total * Double(v[key * size + d]) }
            }
        }
        return result
    }
}

/// Numbers that look random, the same in every run.
package func numbers(_ count: Int, seed: Double, scale: Float = 1, in type: StorageType = .f32) -> [Float] {
    (0..<count).map { index in
        let i = Double(index)
        let value = sin(12.9898 * (i + 1) + 78.233 * seed) * cos(0.37 * i * seed + 1)
        return type.rounded(scale * Float(value))
    }
}

/// The element furthest beyond its bound, as found / allowed error; NaN counts as infinite.
package func worst(_ found: [Float], _ expected: [Reference.Bounded], storedAs type: StorageType = .f32) -> Double {
    guard found.count == expected.count else { return .infinity }
    var worst = 0.0
    for (value, wanted) in zip(found, expected) {
        let allowed = wanted.error + type.roundoff * abs(wanted.value) + 0x1p-24
        let error = abs(Double(value) - wanted.value)
        worst = error.isFinite ? max(worst, error / allowed) : .infinity
    }
    return worst
}
