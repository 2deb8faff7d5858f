import Percept

/// What is not as it should be, in a sentence.
struct Surprise: Error, CustomStringConvertible {
    let description: String
}

/// - Throws: ``Surprise`` where the condition does not hold.
func require(_ condition: Bool, _ sentence: @autoclosure () -> String) throws {
    if !condition { throw Surprise(description: sentence()) }
}

/// The value, which is there.
func unwrap<Value>(_ value: Value?, _ sentence: @autoclosure () -> String) throws -> Value {
    guard let value else { throw Surprise(description: sentence()) }
    return value
}

/// A picture that a program has painted: a red disc left of the middle, on grey that grows brighter to the right.
struct Painting {
    let width: Int
    let height: Int
    /// Red, green and blue of each pixel, row by row.
    let rgb: [UInt8]

    init(width: Int, height: Int, shift: Int = 0) {
        self.width = width
        self.height = height
        var rgb: [UInt8] = []
        let radius = min(width, height) / 5
        for y in 0..<height {
            for x in 0..<width {
                let (across, down) = (x - width / 4 - shift, y - height / 2)
                let grey = UInt8(40 + 60 * x / width)
                rgb += across * across + down * down < radius * radius ? [230, 40, 30] : [grey, grey, grey]
            }
        }
        self.rgb = rgb
    }

    func image() throws -> Image { try Image(rgb: rgb, width: width, height: height) }
}
