package import PerceptNumbers
package import PerceptShaders

/// One value of a push-constant block, still naming tensors.
package enum PushValue: Hashable, Sendable {
    /// Address of an operand.
    case operand(Operand)
    /// An address that this variant of the kernel does not use.
    case unused
    /// The counter of values that f16 could not hold.
    case saturations
    case uint(Int)
    case float(Float)
}

/// One kernel call: a module with its constants, its push constants by name, and its grid.
package struct Dispatch: Sendable {
    package let kernel: Kernel
    package let constants: [UInt32]
    package let push: [PushValue]
    package let groups: [Int]
    package let reads: [Operand]
    package let writes: [Operand]
    /// Floating-point operations, an addition and a multiplication counted as two.
    package let flops: Double
    /// Subgroup size that the module was specialised for, where its code depends on it.
    package let subgroupSize: Int?

    /// Values are given by name and checked against the catalog's rows; `furtherConstants` follow `constants`.
    package init(
        _ kernel: Kernel, constants: KeyValuePairs<String, Int> = [:],
        furtherConstants: [(key: String, value: Int)] = [], push: KeyValuePairs<String, PushValue>,
        groups: [Int], reads: [Operand], writes: [Operand], flops: Double = 0, subgroupSize: Int? = nil
    ) {
        let constants = constants + furtherConstants
        precondition(constants.map(\.key) == kernel.constants, "\(kernel.name): constants \(constants.map(\.key))")
        precondition(push.map(\.key) == kernel.push.map(\.name), "\(kernel.name): push \(push.map(\.key))")
        for (field, entry) in zip(kernel.push, push) {
            let isAddress =
                switch entry.value {
                case .operand, .unused, .saturations: true
                case .uint, .float: false
                }
            precondition(isAddress == (field.kind == .address), "\(kernel.name).\(field.name) is \(field.kind)")
        }
        self.kernel = kernel
        self.constants = constants.map { UInt32($0.value) }
        self.push = push.map(\.value)
        self.groups = groups
        self.reads = reads
        self.writes = writes
        self.flops = flops
        self.subgroupSize = subgroupSize
    }
}

/// What an operation is lowered for: the device, and the types that weights really have.
///
/// A weight asked for in f16 is kept in bf16 when f16 cannot hold it, which is known only once it is loaded.
package struct Lowering: Sendable {
    package let device: DeviceProfile
    package let weightTypes: [Weight: WeightType]
    let sources: [TensorSource]

    package func format(of tensor: Tensor) -> WeightType {
        if case .weight(let weight) = sources[tensor.id], let actual = weightTypes[weight] { return actual }
        return tensor.format
    }

    /// The type constant of an operand that may be a quantised weight.
    func constant(formatOf tensor: Tensor) -> Int { Int(format(of: tensor).constant) }

    /// The type of an operand that the kernel reads element by element.
    func plainType(of tensor: Tensor) -> StorageType {
        guard case .plain(let type) = format(of: tensor) else { preconditionFailure("\(tensor) is quantised") }
        return type
    }

    /// The constant of that type.
    func constant(typeOf tensor: Tensor) -> Int { Int(plainType(of: tensor).rawValue) }
}

/// An operation of a graph: shapes are checked when it is recorded, the kernel is chosen when it is lowered.
package protocol Operation: Sendable {
    func dispatch(_ lowering: Lowering) -> Dispatch
}
