/// Integer filter taps of one axis, exactly as Pillow computes them for 8-bit images: the resize kernels then give its
/// results bit for bit.
///
/// Pillow's filters are antialiased: their support grows with the factor by which an image shrinks.
package struct ResampleTable: Hashable, Sendable {
    package enum Filter: Hashable, Sendable {
        case nearest
        case bilinear
        /// Cubic convolution with a = -0.5.
        case bicubic

        /// Half the width, in source pixels, when the image does not shrink.
        var support: Double {
            switch self {
            case .nearest: 0.5
            case .bilinear: 1
            case .bicubic: 2
            }
        }

        func weight(_ x: Double) -> Double {
            let x = abs(x)
            switch self {
            case .nearest: return 1
            case .bilinear: return max(0, 1 - x)
            case .bicubic:
                let a = -0.5
                if x < 1 { return ((a + 2) * x - (a + 3)) * x * x + 1 }
                if x < 2 { return (((x - 5) * x + 8) * x - 4) * a }
                return 0
            }
        }
    }

    /// Fractional bits of a tap.
    static let precision = 22

    /// Room for taps at each result.
    package let taps: Int
    /// For each result: first source index, number of taps, `taps` taps.
    package let words: [Int32]

    /// - Parameters:
    ///   - source: length of the source's axis.
    ///   - result: length of the result's axis.
    ///   - crop: the part of the result that is wanted; nil for all of it.
    package init(source: Int, result: Int, crop: Range<Int>? = nil, filter: Filter) {
        let scale = Double(source) / Double(result)
        let wanted = crop ?? 0..<result
        if filter == .nearest {
            taps = 1
            words = wanted.flatMap { index -> [Int32] in
                let position = Int((Double(index) + 0.5) * scale)
                return [Int32(min(max(position, 0), source - 1)), 1, 1 << Self.precision]
            }
            return
        }
        let filterScale = max(scale, 1)
        let support = filter.support * filterScale
        let taps = Int(support.rounded(.up)) * 2 + 1
        var words: [Int32] = []
        words.reserveCapacity(wanted.count * (taps + 2))
        var weights = [Double](repeating: 0, count: taps)
        for index in wanted {
            let centre = (Double(index) + 0.5) * scale
            let first = max(Int(centre - support + 0.5), 0)
            let count = min(Int(centre + support + 0.5), source) - first
            var sum = 0.0
            for tap in 0..<count {
                weights[tap] = filter.weight((Double(tap + first) - centre + 0.5) / filterScale)
                sum += weights[tap]
            }
            words.append(Int32(first))
            words.append(Int32(count))
            for tap in 0..<taps {
                guard tap < count else {
                    words.append(0)
                    continue
                }
                let weight = weights[tap] / sum * Double(1 << Self.precision)
                words.append(Int32(weight < 0 ? weight - 0.5 : weight + 0.5))
            }
        }
        self.taps = taps
        self.words = words
    }
}
