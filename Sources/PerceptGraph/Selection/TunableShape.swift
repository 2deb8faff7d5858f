import PerceptNumbers

/// What a measurement can choose a kernel for.
package enum TunableShape: Hashable, Sendable {
    case product(ProductShape)
    case attention(AttentionShape)

    package var shapeClass: ShapeClass {
        switch self {
        case .product(let shape): shape.shapeClass
        case .attention(let shape): shape.shapeClass
        }
    }

    /// Every way that the device has.
    package func candidates(for device: DeviceProfile) -> [any Candidate] {
        switch self {
        case .product(let shape): ProductChoice.candidates(shape, for: device)
        case .attention(let shape): AttentionChoice.candidates(shape, for: device)
        }
    }

    /// Those of the candidates that a rule may choose for some shape or device of the kind; tuning checks the others itself.
    package func ruled(for device: DeviceProfile) -> [any Candidate] {
        switch self {
        case .product(let shape): ProductChoice.candidates(shape, for: device)
        case .attention(let shape): AttentionChoice.ruled(shape, for: device)
        }
    }

    /// What a plan takes.
    package func choice(for device: DeviceProfile) -> any Candidate {
        switch self {
        case .product(let shape): ProductChoice(shape, for: device)
        case .attention(let shape): AttentionChoice(shape, for: device)
        }
    }
}
