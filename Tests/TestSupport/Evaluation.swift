package import PerceptGraph
package import PerceptNumbers
package import PerceptRuntime

/// What a graph computed on the test device.
package struct Evaluation: Sendable {
    /// Outputs by name, widened to f32, padding taken out.
    package let values: [String: [Float]]
    /// Whether all padding of all outputs is zero, as readers of whole octets need it.
    package let paddingIsZero: Bool
    package let saturations: Int
    /// What is left in the states, padding included, widened; those of words are reinterpreted by the caller.
    package let states: [String: [Float]]
    /// The same as it lies in memory.
    package let stateBytes: [String: [UInt8]]

    /// Plans `graph` for `profile` (that of the device unless given), fills its inputs and runs it once.
    ///
    /// - Parameters:
    ///   - inputs: values by name, row by row without padding.
    ///   - provider: where weights come from, if not from `weights`.
    ///   - words: 32-bit words by name, likewise.
    ///   - states: words that states of f32 or quantised rows are filled with, by name; others are zero.
    package init(
        _ graph: Graph, on profile: DeviceProfile? = nil, inputs: [String: [Float]] = [:],
        words: [String: [UInt32]] = [:], weights: [String: [Float]] = [:],
        states: [String: [UInt32]] = [:], from provider: (any WeightProvider)? = nil
    ) throws {
        let provider = provider ?? ArrayWeights(weights)
        self = try TestGPU.run { gpu in
            let store = WeightStore(on: gpu)
            try store.load(graph, from: provider)
            let plan = try Plan(graph, for: profile ?? gpu.profile, weightTypes: store.types)
            let kept = StateStore(on: gpu)
            try kept.allocate(graph)
            for (slot, _) in graph.states {
                if let words = states[slot.name] { try kept.write(slot, words) }
            }
            let program = try Program(plan, store, states: kept, on: gpu)
            for (name, tensor) in plan.inputs {
                let memory = program.input(name)
                memory.initializeMemory(as: UInt8.self, repeating: 0)
                guard let base = memory.baseAddress else { continue }
                if let words = words[name] {
                    precondition(words.count == tensor.rows * tensor.columns, "\(words.count) words for \(tensor)")
                    for (index, word) in words.enumerated() {
                        let place = index / tensor.columns * tensor.paddedColumns + index % tensor.columns
                        base.storeBytes(of: word, toByteOffset: 4 * place, as: UInt32.self)
                    }
                } else if let values = inputs[name] {
                    precondition(values.count == tensor.rows * tensor.columns, "\(values.count) values for \(tensor)")
                    for (index, value) in values.enumerated() {
                        let place = index / tensor.columns * tensor.paddedColumns + index % tensor.columns
                        base.storeRounded(value, at: place, as: tensor.type)
                    }
                } else {
                    preconditionFailure("no input \(name)")
                }
            }
            try program.run()
            var left: [String: [Float]] = [:], stateBytes: [String: [UInt8]] = [:]
            for (slot, tensor) in graph.states {
                let bytes = try kept.contents(slot)
                left[slot.name] = Self.widened(bytes.prefix(tensor.byteCount), tensor)
                stateBytes[slot.name] = Array(bytes.prefix(tensor.byteCount))
            }
            return Evaluation(
                program, saturations: try program.takeSaturations(), states: left, stateBytes: stateBytes)
        }
    }

    /// Elements of a state, padding included.
    private static func widened(_ bytes: ArraySlice<UInt8>, _ tensor: Tensor) -> [Float] {
        switch tensor.format {
        case .plain(let type):
            bytes.withUnsafeBytes { bytes in
                (0..<tensor.rows * tensor.paddedColumns).map { bytes.loadWidened($0, as: type) }
            }
        case .quantized(let format):
            QuantizedRows.decode(rows: Array(bytes), columns: tensor.paddedColumns, format: format)
        }
    }

    private init(_ program: Program, saturations: Int, states: [String: [Float]], stateBytes: [String: [UInt8]]) {
        self.states = states
        self.stateBytes = stateBytes
        var values: [String: [Float]] = [:]
        var paddingIsZero = true
        for (name, tensor) in program.plan.outputs {
            let bytes = program.output(name)
            var floats: [Float] = []
            floats.reserveCapacity(tensor.rows * tensor.columns)
            for row in 0..<tensor.rows {
                for column in 0..<tensor.paddedColumns {
                    let value = bytes.loadWidened(row * tensor.paddedColumns + column, as: tensor.type)
                    if column < tensor.columns { floats.append(value) } else if value != 0 { paddingIsZero = false }
                }
            }
            values[name] = floats
        }
        self.values = values
        self.paddingIsZero = paddingIsZero
        self.saturations = saturations
    }

    /// The only output, or the one of that name.
    package subscript(name: String) -> [Float] {
        guard let found = values[name] else { preconditionFailure("no output \(name)") }
        return found
    }
}

extension UnsafeRawBufferPointer {
    /// One element of a storage type.
    package func loadWidened(_ index: Int, as type: StorageType) -> Float {
        switch type {
        case .f32: load(fromByteOffset: 4 * index, as: Float.self)
        case .f16: Float(load(fromByteOffset: 2 * index, as: Float16.self))
        case .bf16: Float(bitPattern: UInt32(load(fromByteOffset: 2 * index, as: UInt16.self)) << 16)
        }
    }
}

extension StorageType {
    /// The nearest value the type holds.
    package func rounded(_ value: Float) -> Float {
        withUnsafeTemporaryAllocation(byteCount: 4, alignment: 4) { bytes in
            guard let base = bytes.baseAddress else { return value }
            base.storeRounded(value, at: 0, as: self)
            return UnsafeRawBufferPointer(bytes).loadWidened(0, as: self)
        }
    }
}
