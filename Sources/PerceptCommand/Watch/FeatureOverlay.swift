import Percept
import PerceptCommandKit

/// Dense features of a frame as colours on the patch grid.
struct FeatureOverlay: Sendable {
    let gridWidth: Int
    let gridHeight: Int
    /// R, G, B of every patch, row by row.
    let colours: [UInt8]

    /// How much of a picture the colours take.
    static let share: Float = 0.6

    /// The colour at a place, 0 to 1 across and down; between the centres of patches it is interpolated.
    func colour(_ x: Float, _ y: Float) -> (UInt8, UInt8, UInt8) {
        let column = min(max(x * Float(gridWidth) - 0.5, 0), Float(gridWidth - 1))
        let row = min(max(y * Float(gridHeight) - 0.5, 0), Float(gridHeight - 1))
        let (left, top) = (Int(column), Int(row))
        let (right, bottom) = (min(left + 1, gridWidth - 1), min(top + 1, gridHeight - 1))
        let (u, v) = (column - Float(left), row - Float(top))
        func channel(_ index: Int) -> UInt8 {
            func at(_ x: Int, _ y: Int) -> Float { Float(colours[3 * (y * gridWidth + x) + index]) }
            let upper = at(left, top) * (1 - u) + at(right, top) * u
            let lower = at(left, bottom) * (1 - u) + at(right, bottom) * u
            return UInt8(upper * (1 - v) + lower * v)
        }
        return (channel(0), channel(1), channel(2))
    }
}

/// Colours of one frame after another by the same directions of the feature space, so that what stays the same keeps its
/// colour: each frame goes on from the directions and ranges of the one before.
struct FeatureColours {
    private var directions: [[Float]]?
    private var ranges: [(low: Float, high: Float)]?

    /// Steps of subspace iteration: from nothing, and from the frame before, whose directions hardly differ.
    private static let (firstSteps, nextSteps) = (60, 2)

    mutating func overlay(_ features: DenseFeatures) -> FeatureOverlay {
        let components = PrincipalComponents(features.tokens, width: features.width)
        // An iteration keeps the sign of a direction.
        let directions = components.directions(
            count: 3, from: self.directions, iterations: self.directions == nil ? Self.firstSteps : Self.nextSteps)
        self.directions = directions
        let scores = directions.map(components.scores)
        let measured = scores.map(FeaturePicture.range)
        let ranges = (self.ranges ?? measured).enumerated().map { index, before in
            (
                low: before.low + (measured[index].low - before.low) / 8,
                high: before.high + (measured[index].high - before.high) / 8
            )
        }
        self.ranges = ranges
        let channels = zip(scores, ranges).map { FeaturePicture.stretched($0, $1) }
        let colours = (0..<features.gridHeight * features.gridWidth).flatMap { patch in channels.map { $0[patch] } }
        return FeatureOverlay(gridWidth: features.gridWidth, gridHeight: features.gridHeight, colours: colours)
    }
}
