import Percept
import PerceptCommandKit

/// Dense features as colours: where two patches mean the same to the model, they look the same.
struct FeaturePicture {
    let width: Int
    let height: Int
    /// R, G, B of every pixel, row by row.
    let pixels: [UInt8]

    /// Sides of a picture are at least this long, in pixels.
    private static let viewable = 512

    /// Draws the first three principal components of the tokens, each stretched to the full range; a patch becomes a
    /// square of pixels.
    init(_ features: DenseFeatures) {
        let scale = max(1, Self.viewable / min(features.gridHeight, features.gridWidth))
        width = features.gridWidth * scale
        height = features.gridHeight * scale
        let channels = PrincipalComponents(features.tokens, width: features.width).scores(count: 3).map {
            Self.stretched($0, Self.range($0))
        }
        var pixels = [UInt8](repeating: 0, count: 3 * width * height)
        for y in 0..<height {
            for x in 0..<width {
                let patch = (y / scale) * features.gridWidth + x / scale
                for channel in 0..<3 { pixels[3 * (y * width + x) + channel] = channels[channel][patch] }
            }
        }
        self.pixels = pixels
    }

    /// From the 1st to the 99th percentile, so that one odd patch does not grey out the others.
    static func range(_ scores: [Float]) -> (low: Float, high: Float) {
        let sorted = scores.sorted()
        return (sorted[sorted.count / 100], sorted[sorted.count - 1 - sorted.count / 100])
    }

    static func stretched(_ scores: [Float], _ range: (low: Float, high: Float)) -> [UInt8] {
        guard range.high > range.low else { return scores.map { _ in 128 } }
        return scores.map { UInt8(255 * min(max(($0 - range.low) / (range.high - range.low), 0), 1)) }
    }
}

/// Principal components of vectors, by subspace iteration.
struct PrincipalComponents {
    private let width: Int
    /// Rows with their mean taken out, [rows, width].
    private let rows: [[Float]]

    /// - Parameter vectors: row by row, `width` elements each.
    init(_ vectors: [Float], width: Int) {
        self.width = width
        let count = vectors.count / width
        var mean = [Double](repeating: 0, count: width)
        for (index, value) in vectors.enumerated() { mean[index % width] += Double(value) / Double(count) }
        rows = (0..<count).map { row in
            (0..<width).map { vectors[row * width + $0] - Float(mean[$0]) }
        }
    }

    /// Coordinates of all rows along the directions of greatest variance, [count, rows]; zeros where there are fewer
    /// directions. The sign, which the analysis leaves open, makes the largest coordinate positive.
    func scores(count: Int) -> [[Float]] {
        directions(count: count, from: nil, iterations: Self.iterations).map { direction in
            let scores = scores(direction)
            let largest = scores.max { abs($0) < abs($1) } ?? 0
            return largest < 0 ? scores.map { -$0 } : scores
        }
    }

    /// Coordinates of all rows along a direction. [rows]
    func scores(_ direction: [Float]) -> [Float] { rows.map { Self.dot($0, direction) } }

    /// Directions of greatest variance, of unit length. [count, width]
    ///
    /// - Parameters:
    ///   - start: near to them; nil for a fixed start, which gives the same directions every time.
    func directions(count: Int, from start: [[Float]]?, iterations: Int) -> [[Float]] {
        // The elements of a start only need to be unlike each other.
        var directions = start ?? (0..<count).map { k in (0..<width).map { Self.start($0, k) } }
        for _ in 0..<iterations {
            directions = Self.orthonormalized(
                directions.map { direction in
                    var image = [Float](repeating: 0, count: width)
                    for row in rows {
                        let score = Self.dot(row, direction)
                        for column in 0..<width { image[column] += score * row[column] }
                    }
                    return image
                })
        }
        return directions
    }

    private static func start(_ column: Int, _ direction: Int) -> Float {
        let mixed = (column &* 7919 &+ direction &* 104_729) % 1009
        return Float(mixed) / 1009 - 0.5
    }

    /// More than a picture of eight bits can show.
    private static let iterations = 60

    private static func dot(_ a: [Float], _ b: [Float]) -> Float {
        var sum: Float = 0
        for index in a.indices { sum += a[index] * b[index] }
        return sum
    }

    /// Gram-Schmidt; what depends on those before it becomes zero.
    private static func orthonormalized(_ vectors: [[Float]]) -> [[Float]] {
        var basis: [[Float]] = []
        for vector in vectors {
            let before = dot(vector, vector).squareRoot()
            var rest = vector
            for other in basis {
                let overlap = dot(rest, other)
                for index in rest.indices { rest[index] -= overlap * other[index] }
            }
            let length = dot(rest, rest).squareRoot()
            basis.append(length > 1e-6 * before ? rest.map { $0 / length } : rest.map { _ in 0 })
        }
        return basis
    }
}
