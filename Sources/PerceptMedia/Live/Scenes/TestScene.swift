import Foundation

/// What the test source shows: one coloured object at a time on grey ground, which moves along one side of the picture.
///
/// Colours, outlines, sizes and places are those that the demo models were trained on (Tools/demo-models/scenes.py):
/// cells of a lattice of five by five and little around them, which is why an object circles in a cell before it goes
/// on to the next.
package struct TestScene: Sendable {
    struct Item: Sendable {
        let colour: (red: Double, green: Double, blue: Double)
        let shape: Shape
        let side: Side
        let name: String

        var label: String { "\(name) \(side.rawValue)" }
    }

    enum Side: String, Sendable {
        case left = "on the left"
        case right = "on the right"
        case top = "at the top"
        case bottom = "at the bottom"
        case centre = "in the centre"
    }

    enum Shape: Sendable {
        case circle, square, triangle, star, heart, cross, diamond, ring
    }

    static let items: [Item] = [
        Item(colour: (212, 38, 42), shape: .circle, side: .left, name: "a red circle"),
        Item(colour: (42, 78, 212), shape: .star, side: .right, name: "a blue star"),
        Item(colour: (238, 218, 52), shape: .heart, side: .top, name: "a yellow heart"),
        Item(colour: (38, 158, 58), shape: .square, side: .bottom, name: "a green square"),
        Item(colour: (142, 48, 172), shape: .ring, side: .centre, name: "a purple ring"),
        Item(colour: (242, 136, 28), shape: .triangle, side: .left, name: "an orange triangle"),
        Item(colour: (242, 242, 242), shape: .cross, side: .right, name: "a white cross"),
        Item(colour: (22, 22, 22), shape: .diamond, side: .top, name: "a black diamond"),
    ]

    /// R, G and B of the ground.
    static let ground = (red: 122.0, green: 128.0, blue: 126.0)
    /// An object's diameter as a part of each side of the picture.
    static let diameter = 13.5 / 80

    /// Captions of all objects, in the order in which they appear.
    package static var labels: [String] { items.map(\.label) }

    /// Seconds for which each object is there.
    package let hold: Double

    /// Which of the objects is there.
    func item(at time: Double) -> Int { Int(time / hold) % Self.items.count }

    /// What a model should name.
    package func label(at time: Double) -> String { Self.items[item(at: time)].label }

    /// The object's centre as parts of the picture's width and height.
    func centre(at time: Double) -> (x: Double, y: Double) {
        let progress = time / hold - (time / hold).rounded(.down)
        // Once around in each of three cells, a tenth of a cell from its middle.
        let turn = 2 * .pi * 3 * progress
        let along = [0.3, 0.5, 0.7][min(Int(progress * 3), 2)] + 0.015 * cos(turn)
        let across = 0.1 + 0.015 * sin(turn)
        return switch Self.items[item(at: time)].side {
        case .left: (across, along)
        case .right: (1 - across, along)
        case .top: (along, across)
        case .bottom: (along, 1 - across)
        case .centre: (0.5 + 0.015 * cos(turn), 0.5 + 0.015 * sin(turn))
        }
    }
}

extension TestScene.Shape {
    /// Polygons around the origin, y down, for an object of unit diameter; points within an even number of them are
    /// outside.
    var outline: [[(x: Double, y: Double)]] {
        let turn = (0..<64).map { 2 * Double.pi * Double($0) / 64 }
        let circle = turn.map { (x: cos($0) / 2, y: sin($0) / 2) }
        switch self {
        case .circle: return [circle]
        case .ring: return [circle, circle.map { (x: $0.x * 0.52, y: $0.y * 0.52) }]
        case .square: return [[(-0.44, -0.44), (0.44, -0.44), (0.44, 0.44), (-0.44, 0.44)]]
        case .diamond: return [[(0, -0.56), (0.42, 0), (0, 0.56), (-0.42, 0)]]
        case .triangle: return [[(0, -0.5), (0.54, 0.45), (-0.54, 0.45)]]
        case .star:
            return [
                (0..<10).map { spike in
                    let angle = Double(spike) * .pi / 5 - .pi / 2
                    let radius = spike % 2 == 0 ? 0.58 : 0.23
                    return (x: radius * cos(angle), y: radius * sin(angle))
                }
            ]
        case .cross:
            let (a, b) = (0.17, 0.52)
            return [
                [
                    (-a, -b), (a, -b), (a, -a), (b, -a), (b, a), (a, a), (a, b), (-a, b), (-a, a), (-b, a), (-b, -a),
                    (-a, -a),
                ]
            ]
        case .heart:
            return [
                turn.map { angle in
                    let x = 16 * pow(sin(angle), 3)
                    let y = -(13 * cos(angle) - 5 * cos(2 * angle) - 2 * cos(3 * angle) - cos(4 * angle))
                    return (x: x / 31, y: (y + 2) / 31)
                }
            ]
        }
    }
}
