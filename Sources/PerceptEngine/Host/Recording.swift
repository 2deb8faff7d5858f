package import PerceptGraph
package import PerceptRuntime

/// A graph, and where its inputs and outputs are.
package struct Recording<Slots> {
    package let graph: Graph
    /// What goes in and comes out, as the graph has handed it out.
    package let slots: Slots
    /// Room that it has for each picture.
    package let capacity: PixelCapacity

    package init(_ graph: Graph, _ slots: Slots, capacity: PixelCapacity = .none) {
        self.graph = graph
        self.slots = slots
        self.capacity = capacity
    }
}

/// A program on a device, and where its inputs and outputs are.
package struct Recorded<Slots> {
    package let program: Program
    package let slots: Slots
    /// Room that it has for each picture.
    package let capacity: PixelCapacity
}

/// How a graph is recorded.
package struct RecordingOptions {
    /// Which times are taken.
    package var timing: ProgramTiming
    /// How finely runs are cut.
    package var limit: Plan.PieceLimit
    /// Shared with other programs, and large enough; nil for one of its own.
    package var arena: Arena?
    /// Whether the program stays until the model is unloaded, whatever the budget.
    package var isKept: Bool

    package init(
        timing: ProgramTiming = .run, limit: Plan.PieceLimit = .turns, arena: Arena? = nil,
        isKept: Bool = false
    ) {
        self.timing = timing
        self.limit = limit
        self.arena = arena
        self.isKept = isKept
    }
}
