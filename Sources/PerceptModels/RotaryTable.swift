import Foundation

/// Rotation of query and key pairs by their patch's position (perception_models: core/vision_encoder/rope.py, `Rope2D`).
///
/// Pairs are neighbours (2i, 2i + 1). The first half of a head turns with x, the second with y, each with
/// `headSize / 4` frequencies 10000^(-4j / headSize). With a class token the grid starts at 1, so that the class token
/// keeps angle 0. Coordinates are those of the grid at hand, never rescaled to the one of the training.
struct RotaryTable {
    let gridRows: Int
    let gridColumns: Int
    let headSize: Int
    let hasClassToken: Bool

    /// Cosine and sine of each pair, row by token: [tokens, paddedHeadSize]. Padding does not turn.
    func values(paddedHeadSize: Int) -> [Float] {
        let quarter = headSize / 4
        let frequencies = (0..<quarter).map { pow(10000, -Float(4 * $0) / Float(headSize)) }
        let offset = hasClassToken ? 1 : 0
        var values: [Float] = []
        values.reserveCapacity((gridRows * gridColumns + offset) * paddedHeadSize)
        func append(_ position: Int) {
            for frequency in frequencies {
                let angle = Float(position) * frequency
                values.append(cos(angle))
                values.append(sin(angle))
            }
        }
        func pad() {
            for _ in 0..<(paddedHeadSize - headSize) / 2 { values += [1, 0] }
        }
        if hasClassToken {
            append(0)
            append(0)
            pad()
        }
        for y in 0..<gridRows {
            for x in 0..<gridColumns {
                append(x + offset)
                append(y + offset)
                pad()
            }
        }
        return values
    }
}
