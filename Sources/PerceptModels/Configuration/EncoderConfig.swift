/// A Perception Encoder: its name, its vision tower, and a text tower if it was trained with one.
package struct EncoderConfig: Sendable, Hashable {
    package var name: String
    package var vision: VisionConfig
    package var text: TextConfig?

    /// Number of learned values, the scalar `logit_scale` included.
    package var parameterCount: Int { weights.reduce(0) { $0 + $1.count } }
}
