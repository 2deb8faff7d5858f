import Foundation

/// Log probabilities of the tokens that logits stand for, in double precision.
package struct LogProbabilities {
    private let logits: [Float]
    private let logSum: Double

    package init(_ logits: [Float]) {
        self.logits = logits
        let largest = Double(logits.max() ?? 0)
        logSum = largest + log(logits.reduce(0) { $0 + exp(Double($1) - largest) })
    }

    package subscript(_ token: UInt32) -> Float { Float(Double(logits[Int(token)]) - logSum) }

    /// The most probable tokens, the first of equal ones first.
    package func best(_ count: Int) -> [UInt32] {
        var best: [(token: UInt32, logit: Float)] = []
        guard count > 0 else { return [] }
        for (token, logit) in logits.enumerated() {
            if best.count == count, let last = best.last, logit <= last.logit { continue }
            let place = best.firstIndex { $0.logit < logit } ?? best.count
            best.insert((UInt32(token), logit), at: place)
            if best.count > count { best.removeLast() }
        }
        return best.map(\.token)
    }
}
