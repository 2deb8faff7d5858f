package import PerceptNumbers

/// A recording of operations on tensors: pure values, nothing runs.
///
/// Ops are methods in `Ops/`. A shape that does not fit is a mistake of the model's code and stops at the op's call,
/// where the stack trace names the layer.
package struct Graph: Sendable {
    package struct Node: Sendable {
        /// Where in the model this is: `blocks.3.attention.qkv`.
        package let label: String
        package let operation: any Operation
    }

    package private(set) var nodes: [Node] = []
    package private(set) var tensors: [Tensor] = []
    package private(set) var sources: [TensorSource] = []
    package private(set) var outputs: [(name: String, tensor: Tensor)] = []
    private var weightTensors: [Weight: [WeightType: Tensor]] = [:]
    private var stateTensors: [StateSlot: Tensor] = [:]
    private var scope: [String] = []

    package init() {}

    private mutating func make(_ shape: [Int], _ format: WeightType, _ source: TensorSource) -> Tensor {
        precondition(!shape.isEmpty && shape.allSatisfy { $0 > 0 }, "shape \(shape)")
        let tensor = Tensor(id: tensors.count, shape: shape, format: format)
        tensors.append(tensor)
        sources.append(source)
        return tensor
    }

    /// A tensor that the caller fills before each run; a program finds its memory by the tensor.
    ///
    /// - Parameter name: what plans call it.
    package mutating func input(_ name: String, _ shape: [Int], _ type: StorageType = .f32) -> Tensor {
        make(shape, .plain(type), .input(name: name))
    }

    /// A checkpoint tensor; asking twice for the same gives the same tensor.
    package mutating func weight(_ weight: Weight, _ type: StorageType = .f32) -> Tensor {
        self.weight(weight, .plain(type))
    }

    /// The same, quantised or not.
    package mutating func weight(_ weight: Weight, _ type: WeightType) -> Tensor {
        if let known = weightTensors[weight]?[type] { return known }
        let tensor = make(weight.storedShape, type, .weight(weight))
        weightTensors[weight, default: [:]][type] = tensor
        return tensor
    }

    /// Values computed on the host, row by row without padding.
    package mutating func constant(_ values: [Float], _ shape: [Int]) -> Tensor {
        precondition(values.count == shape.reduce(1, *), "\(values.count) values for \(shape)")
        return make(shape, .plain(.f32), .constant(values))
    }

    /// Memory that outlives the run; asking twice for the same slot gives the same tensor.
    package mutating func state(_ slot: StateSlot, _ shape: [Int], _ type: StorageType = .f32) -> Tensor {
        state(slot, shape, .plain(type))
    }

    /// The same, quantised or not.
    package mutating func state(_ slot: StateSlot, _ shape: [Int], _ format: WeightType) -> Tensor {
        if let known = stateTensors[slot] {
            precondition(known.shape == shape && known.format == format, "\(slot.name) is \(known)")
            return known
        }
        let tensor = make(shape, format, .state(slot))
        stateTensors[slot] = tensor
        return tensor
    }

    /// Counters of those that have arrived at an op's end (`Shaders/include/arrivals.glsl`), for one op alone.
    package mutating func arrivals(_ count: Int) -> Tensor { make([1, count], .plain(.f32), .arrivals) }

    /// Memory for what the workgroups of one op leave each other: a plan allots as many of its rows as the op's dispatch names,
    /// which may be none.
    package mutating func scratch(_ shape: [Int]) -> Tensor { make(shape, .plain(.f32), .scratch) }

    /// A tensor for an op's result.
    package mutating func result(_ shape: [Int], _ type: StorageType) -> Tensor { make(shape, .plain(type), .computed) }

    /// Records an operation behind those before it.
    package mutating func append(_ label: String, _ operation: any Operation) {
        nodes.append(Node(label: (scope + [label]).joined(separator: "."), operation: operation))
    }

    /// Marks a tensor to be read back after each run.
    ///
    /// - Parameter name: what plans and profiles call it.
    /// - Returns: what a program reads it by.
    @discardableResult
    package mutating func output(_ name: String, _ tensor: Tensor) -> Output {
        outputs.append((name, tensor))
        return Output(index: outputs.count - 1)
    }

    /// Records `body` with a name in front of its labels.
    package mutating func scoped<T>(_ name: String, _ body: (inout Graph) -> T) -> T {
        scope.append(name)
        defer { scope.removeLast() }
        return body(&self)
    }

    /// The slots asked for, in the order of first use.
    package var states: [(slot: StateSlot, tensor: Tensor)] {
        zip(tensors, sources).compactMap { tensor, source in
            if case .state(let slot) = source { (slot, tensor) } else { nil }
        }
    }

    /// The weights asked for, with the type each was asked in, in the order of first use.
    package var weights: [(weight: Weight, type: WeightType)] {
        zip(tensors, sources).compactMap { tensor, source in
            if case .weight(let weight) = source { (weight, tensor.format) } else { nil }
        }
    }
}
