import Foundation

/// Softmax over labels of the cosines times a scale, in double precision.
package struct LabelProbabilities: Sendable {
    private let labels: [[Float]]
    private let scale: Double
    private var weights: [Double]

    /// - Parameter labels: unit vectors.
    package init(_ labels: [[Float]], scale: Float) {
        self.labels = labels
        self.scale = Double(scale)
        weights = [Double](repeating: 0, count: labels.count)
    }

    /// Writes the probability of each label.
    ///
    /// - Parameters:
    ///   - image: a unit vector, as long as those of the labels.
    ///   - row: as many numbers as there are labels.
    package mutating func write(_ image: [Float], to row: inout [Float]) {
        var largest = -Double.infinity
        for (index, label) in labels.enumerated() {
            weights[index] = scale * Double(zip(image, label).reduce(0) { $0 + $1.0 * $1.1 })
            largest = max(largest, weights[index])
        }
        var total = 0.0
        for index in weights.indices {
            weights[index] = exp(weights[index] - largest)
            total += weights[index]
        }
        for index in weights.indices { row[index] = Float(weights[index] / total) }
    }
}
