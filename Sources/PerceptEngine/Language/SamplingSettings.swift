/// How a token is drawn; the words of `SamplingSettings` in `Shaders/include/sampling.glsl`.
package struct SamplingSettings: Hashable, Sendable {
    package var temperature: Float
    /// 1: all.
    package var topP: Float
    /// 0: all.
    package var topK: Int
    package var seed: UInt64

    package init(temperature: Float = 0, topP: Float = 1, topK: Int = 0, seed: UInt64 = 0) {
        self.temperature = temperature
        self.topP = topP
        self.topK = topK
        self.seed = seed
    }

    var words: [UInt32] {
        [
            temperature.bitPattern, topP.bitPattern, UInt32(topK), UInt32(truncatingIfNeeded: seed),
            UInt32(seed >> 32), 0, 0, 0,
        ]
    }
}
