import Foundation

/// What the test source shows: one coloured object at a time on grey ground, on its way from left to right.
///
/// Colours, outlines and size are those that the demo models were trained on (Tools/demo-models/scenes.py).
package struct TestScene: Sendable {
    struct Item: Sendable {
        let colour: (red: Double, green: Double, blue: Double)
        let shape: Shape
        let label: String
    }

    enum Shape: Sendable {
        case circle, square, triangle, star, heart, cross, diamond, ring
    }

    static let items: [Item] = [
        Item(colour: (212, 38, 42), shape: .circle, label: "a red circle"),
        Item(colour: (42, 78, 212), shape: .star, label: "a blue star"),
        Item(colour: (238, 218, 52), shape: .heart, label: "a yellow heart"),
        Item(colour: (38, 158, 58), shape: .square, label: "a green square"),
        Item(colour: (142, 48, 172), shape: .ring, label: "a purple ring"),
        Item(colour: (242, 136, 28), shape: .triangle, label: "an orange triangle"),
        Item(colour: (242, 242, 242), shape: .cross, label: "a white cross"),
        Item(colour: (22, 22, 22), shape: .diamond, label: "a black diamond"),
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
    ///
    /// It sways about one of three cells of a grid of 5 x 5, and then glides to the next: the demo models know objects near
    /// the centres of such cells (Tools/demo-models/README.md), and guess between them.
    func centre(at time: Double) -> (x: Double, y: Double) {
        let round = (time / hold).rounded(.down)
        let place = min((time / hold - round) * Double(Self.stops), Double(Self.stops) - 1e-9)
        let stop = place.rounded(.down)
        func cell(_ stop: Double) -> (x: Double, y: Double) {
            let row = (Int(round) * 2 + Int(stop)) % 3
            return (0.3 + 0.2 * stop, 0.3 + 0.2 * Double(row))
        }
        let (here, next) = (cell(stop), cell(min(stop + 1, Double(Self.stops - 1))))
        let way = max((place - stop - Self.rest) / (1 - Self.rest), 0)
        let glide = way * way * (3 - 2 * way)
        let sway = Self.sway * sin(4 * .pi * (place - stop))
        return (here.x + glide * (next.x - here.x) + sway, here.y + glide * (next.y - here.y) + sway)
    }

    private static let stops = 3
    /// The part of its time at a cell before it glides.
    private static let rest = 0.85
    /// A pixel of the demo models' 80.
    private static let sway = 1.0 / 80
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
