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

    static let wordCount = 8

    var words: [UInt32] {
        [
            temperature.bitPattern, topP.bitPattern, UInt32(topK), UInt32(truncatingIfNeeded: seed),
            UInt32(seed >> 32), 0, 0, 0,
        ]
    }

    /// Writes `words` from `start` on; the last three stay what they are.
    func write(to memory: UnsafeMutableBufferPointer<UInt32>, at start: Int) {
        memory[start] = temperature.bitPattern
        memory[start + 1] = topP.bitPattern
        memory[start + 2] = UInt32(topK)
        memory[start + 3] = UInt32(truncatingIfNeeded: seed)
        memory[start + 4] = UInt32(seed >> 32)
    }
}
