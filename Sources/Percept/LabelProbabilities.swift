import Foundation

/// Softmax over labels of the cosines times a scale, in double precision.
struct LabelProbabilities: Sendable {
    private let labels: [Embedding]
    private let scale: Double
    private var weights: [Double]

    init(_ labels: [Embedding], scale: Float) {
        self.labels = labels
        self.scale = Double(scale)
        weights = [Double](repeating: 0, count: labels.count)
    }

    /// Writes the probability of each label.
    ///
    /// - Parameter row: as many numbers as there are labels.
    mutating func write(_ image: Embedding, to row: inout [Float]) {
        var largest = -Double.infinity
        for (index, label) in labels.enumerated() {
            weights[index] = scale * Double(Embedding.cosine(image, label))
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
