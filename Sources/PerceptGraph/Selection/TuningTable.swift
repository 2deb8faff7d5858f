package import PerceptShaders

/// Shapes that are served alike: what a measurement is kept under.
package struct ShapeClass: Hashable, Sendable, CustomStringConvertible {
    /// Such as `product 513...768 x 3072 x 768 f16 q8`.
    package let description: String

    package init(_ description: String) { self.description = description }

    /// Row counts of one class: exact up to eight, then two ranges between a power of two and the next, so that a tile
    /// that fits one fits the others nearly as well.
    static func rows(_ rows: Int) -> String {
        guard rows > 8 else { return String(rows) }
        var (low, high) = (8, 12)
        while rows > high { (low, high) = (high, high.nonzeroBitCount == 1 ? high / 2 * 3 : high / 3 * 4) }
        return "\(low + 1)...\(high)"
    }
}

/// What was measured to be fastest on a device, by class of shapes.
///
/// A winner is a name. It is looked up among all that selection can make for a shape on the device as it now is,
/// so that a kernel which a device lacks, or whose trial it has failed, is never chosen by an old measurement.
package struct TuningTable: Hashable, Sendable {
    /// Names of candidates.
    package var winners: [ShapeClass: String]

    package init(_ winners: [ShapeClass: String] = [:]) { self.winners = winners }

    package var isEmpty: Bool { winners.isEmpty }

    func choice<Choice: Candidate>(for shape: ShapeClass, among candidates: @autoclosure () -> [Choice]) -> Choice? {
        guard let name = winners[shape] else { return nil }
        return candidates().first { $0.name == name }
    }
}

/// A way to serve a shape.
package protocol Candidate: Hashable, Sendable {
    var kernel: Kernel { get }
    /// Kernel and cut, different from those of all other candidates for the shape.
    var name: String { get }
}
