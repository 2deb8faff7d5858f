import PerceptNumbers

/// An operation whose kernel is chosen by a shape.
protocol Tunable: Operation {
    /// Nil where there is nothing to measure it with.
    func tunableShape(_ lowering: Lowering) -> TunableShape?
}

extension Linear: Tunable {
    func tunableShape(_ lowering: Lowering) -> TunableShape? { .product(shape(lowering)) }
}

extension Attention: Tunable {
    func tunableShape(_ lowering: Lowering) -> TunableShape? { .attention(shape) }
}

extension CachedAttention: Tunable {
    func tunableShape(_ lowering: Lowering) -> TunableShape? { shape.format.isPlain ? .attention(shape) : nil }
}

/// Operations of a graph that one choice serves.
package struct TunableUse: Sendable {
    /// That of the first of them.
    package let shape: TunableShape
    package var count: Int
    /// Floating-point operations of all of them.
    package var flops: Double

    package init(shape: TunableShape, count: Int, flops: Double) {
        self.shape = shape
        self.count = count
        self.flops = flops
    }
}

extension TunableUse {
    /// What a measurement can choose kernels for in graphs that run equally often, class by class, most work first.
    package static func all(in graphs: [Graph], on device: DeviceProfile) -> [TunableUse] {
        var uses: [ShapeClass: TunableUse] = [:]
        for graph in graphs {
            let lowering = Lowering(device: device, weightTypes: [:], sources: graph.sources)
            for node in graph.nodes {
                guard let operation = node.operation as? any Tunable, let shape = operation.tunableShape(lowering)
                else { continue }
                uses[shape.shapeClass, default: TunableUse(shape: shape, count: 0, flops: 0)].count += 1
                uses[shape.shapeClass]?.flops += operation.dispatch(lowering).flops
            }
        }
        return uses.sorted { a, b in
            a.value.flops == b.value.flops
                ? a.key.description < b.key.description : a.value.flops > b.value.flops
        }.map(\.value)
    }
}
