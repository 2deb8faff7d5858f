/// How far an object covers each pixel of its bounding box, 0...256.
struct ShapeMask: Sendable {
    /// Pixels in a row, and rows; even.
    let width: Int
    let height: Int
    let coverage: [UInt16]

    /// Renders a shape of the test scene, exactly along rows and with four lines to each row.
    ///
    /// - Parameters:
    ///   - diameter: the object's, in pixels across and down.
    ///   - width, height: even, and large enough for the outline.
    init(_ shape: TestScene.Shape, diameter: (x: Double, y: Double), width: Int, height: Int) {
        let polygons = shape.outline.map { polygon in
            polygon.map { (x: $0.x * diameter.x + Double(width) / 2, y: $0.y * diameter.y + Double(height) / 2) }
        }
        let lines = 4
        var sums = [Double](repeating: 0, count: width * height)
        for line in 0..<height * lines {
            let y = (Double(line) + 0.5) / Double(lines)
            let crossings = polygons.flatMap { Self.crossings(of: $0, at: y) }.sorted()
            for pair in stride(from: 0, to: crossings.count - 1, by: 2) {
                let (left, right) = (max(crossings[pair], 0), min(crossings[pair + 1], Double(width)))
                for x in Int(left)..<max(Int(left), Int(right.rounded(.up))) {
                    let covered = min(right, Double(x + 1)) - max(left, Double(x))
                    sums[line / lines * width + x] += covered / Double(lines)
                }
            }
        }
        self.init(width: width, height: height, coverage: sums.map { UInt16(min(max($0 * 256, 0), 256).rounded()) })
    }

    private init(width: Int, height: Int, coverage: [UInt16]) {
        self.width = width
        self.height = height
        self.coverage = coverage
    }

    private static func crossings(of polygon: [(x: Double, y: Double)], at y: Double) -> [Double] {
        polygon.indices.compactMap { index in
            let (from, to) = (polygon[index], polygon[(index + 1) % polygon.count])
            guard (from.y <= y) != (to.y <= y) else { return nil }
            return from.x + (y - from.y) / (to.y - from.y) * (to.x - from.x)
        }
    }

    /// The mask of a component that has one sample for every `across` x `down` pixels, each 1 or 2.
    func subsampled(across: Int, down: Int) -> ShapeMask {
        let (width, height) = (width / across, height / down)
        let coverage = (0..<width * height).map { index -> UInt16 in
            var sum = 0
            for y in 0..<down {
                for x in 0..<across {
                    sum += Int(
                        self.coverage[(index / width * down + y) * self.width + index % width * across + x])
                }
            }
            return UInt16((sum + across * down / 2) / (across * down))
        }
        return ShapeMask(width: width, height: height, coverage: coverage)
    }
}
