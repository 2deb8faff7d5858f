/// Whose integers a resize of 8-bit pixels is done in. Both round to 8 bits behind each pass.
package enum ResizeArithmetic: Hashable, Sendable {
    /// Pillow's: taps of 22 fractional bits.
    case pillow
    /// PyTorch's on processors, which torchvision and with it transformers' processors use for 8-bit tensors: taps of 16
    /// bits, with as many of them behind the point as the largest tap of the axis leaves (PyTorch:
    /// aten/src/ATen/native/cpu/UpSampleKernel.cpp). The rows always come first.
    case pytorch
}

/// Integer filter taps of one axis, exactly as Pillow or PyTorch computes them for 8-bit images: the resize kernels then
/// give its results bit for bit.
///
/// The filters are antialiased: their support grows with the factor by which an image shrinks.
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
    ///   - arithmetic: how a tap becomes an integer.
    package init(
        source: Int, result: Int, crop: Range<Int>? = nil, filter: Filter, arithmetic: ResizeArithmetic = .pillow
    ) {
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
        var weights = [Double](repeating: 0, count: taps)
        /// Fills `weights` for one result.
        func weigh(_ index: Int) -> (first: Int, count: Int) {
            let centre = (Double(index) + 0.5) * scale
            let first = max(Int(centre - support + 0.5), 0)
            let count = min(Int(centre + support + 0.5), source) - first
            var sum = 0.0
            for tap in 0..<count {
                weights[tap] = filter.weight((Double(tap + first) - centre + 0.5) / filterScale)
                sum += weights[tap]
            }
            for tap in 0..<count { weights[tap] /= sum }
            return (first, count)
        }
        var bits = Self.precision
        if arithmetic == .pytorch {
            // The largest tap decides, wherever in the result it is.
            var largest = 0.0
            for index in 0..<result { largest = weights[..<weigh(index).count].reduce(largest, max) }
            bits = Self.bits(keeping: largest)
        }
        var words: [Int32] = []
        words.reserveCapacity(wanted.count * (taps + 2))
        for index in wanted {
            let (first, count) = weigh(index)
            words.append(Int32(first))
            words.append(Int32(count))
            for tap in 0..<taps {
                guard tap < count else {
                    words.append(0)
                    continue
                }
                let weight = weights[tap] * Double(1 << bits)
                // The kernels' sums have 22 fractional bits; a sum of fewer, moved up, rounds to the same.
                words.append(Int32(weight < 0 ? weight - 0.5 : weight + 0.5) << Int32(Self.precision - bits))
            }
        }
        self.taps = taps
        self.words = words
    }

    /// Most fractional bits with which a tap stays below 2¹⁵.
    private static func bits(keeping largest: Double) -> Int {
        (0..<precision).first { Int(0.5 + largest * Double(1 << ($0 + 1))) >= 1 << 15 } ?? precision
    }
}
