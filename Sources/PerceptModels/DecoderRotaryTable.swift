import Foundation

/// Rotation of a decoder's query and key pairs by their position (perception_models: core/transformer.py,
/// `RotaryEmbedding`).
///
/// Pairs are neighbours (2i, 2i + 1), pair i turns by position · theta^(-2i / headSize). Frequencies and angles are
/// rounded to f32 where the reference rounds them: at position 10,000 an angle's rounding shows, and the table must have
/// the same.
package struct DecoderRotaryTable: Sendable {
    package let headSize: Int
    /// Angle per position of each pair: [headSize / 2].
    package let frequencies: [Float]

    package init(_ config: LanguageConfig) {
        headSize = config.headSize
        frequencies = (0..<config.headSize / 2).map { pair in
            let exponent = Float(2 * pair) / Float(config.headSize)
            let frequency = 1 / Float(pow(config.ropeTheta, Double(exponent)))
            return config.ropeScaling.map { $0.stretched(frequency) } ?? frequency
        }
    }

    /// Cosine and sine of each pair, row by position: [positions, paddedHeadSize]. Padding does not turn.
    package func values(positions: Range<Int>, paddedHeadSize: Int) -> [Float] {
        var values: [Float] = []
        values.reserveCapacity(positions.count * paddedHeadSize)
        for position in positions {
            for frequency in frequencies {
                let angle = Double(Float(position) * frequency)
                values.append(Float(cos(angle)))
                values.append(Float(sin(angle)))
            }
            for _ in 0..<(paddedHeadSize - headSize) / 2 { values += [1, 0] }
        }
        return values
    }
}

extension LanguageConfig.RopeScaling {
    /// A pair's frequency after the stretching (transformers: modeling_rope_utils.py, `_compute_llama3_parameters`).
    fileprivate func stretched(_ frequency: Float) -> Float {
        let original = Float(originalPositions)
        let wavelength = 1 / frequency * Float(2 * Double.pi)
        if wavelength < original / Float(highFrequency) { return frequency }
        if wavelength > original / Float(lowFrequency) { return frequency / Float(factor) }
        let smooth = (1 / wavelength * original - Float(lowFrequency)) / Float(highFrequency - lowFrequency)
        return (1 - smooth) * frequency / Float(factor) + smooth * frequency
    }
}
