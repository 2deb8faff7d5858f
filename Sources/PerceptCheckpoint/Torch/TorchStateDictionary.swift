/// The named tensors among what a pickle holds: trainers wrap a model's state in dictionaries with the optimizer's and
/// their own beside it.
struct TorchStateDictionary {
    var tensors: [(name: String, tensor: TorchTensor)] = []
    var notes: [String] = []

    /// Keys under which programs keep a model's state, those first that are taken when several are there: averaged weights
    /// before those that were being trained, as their trainers do when they evaluate.
    private static let wrappers = [
        "state_dict_ema", "model_state_dict_ema", "ema_state_dict", "model_ema_state_dict", "model_ema", "ema_model",
        "ema", "params_ema", "averaged_model", "teacher", "state_dict", "model_state_dict", "model_state", "weights",
        "model_weights", "model", "module", "net", "network", "params", "student",
    ]
    /// Dictionaries in dictionaries; none has been seen deeper than three.
    private static let mostDepth = 8

    /// - Throws: ``CheckpointError`` where there are none.
    init(_ root: PickleValue, _ machine: PickleMachine, file: String) throws(CheckpointError) {
        let values = PickleValues(machine)
        guard var index = values.dictionary(root) else { throw Self.stranger(root, values, file) }
        var path: [String] = []
        var left: [String] = []
        while path.count < Self.mostDepth {
            let pairs = values.containers[index]
            let found = Self.wrappers.compactMap { name -> (name: String, index: Int)? in
                values.dictionary(Self.value(name, pairs)).map { (name, $0) }
            }.filter { values.holdsTensors($0.index) }
            guard let first = found.first else { break }
            left += found.dropFirst().map { (path + [$0.name]).joined(separator: ".") }
            path.append(first.name)
            index = first.index
        }
        var positions: [String: Int] = [:]
        let pairs = values.containers[index]
        for position in stride(from: 0, to: pairs.count, by: 2) {
            guard case .string(let name) = pairs[position], let tensor = values.tensor(pairs[position + 1]) else {
                continue
            }
            // Of a name given twice the last holds, as in Python.
            if let known = positions[name] {
                tensors[known].tensor = tensor
            } else {
                positions[name] = tensors.count
                tensors.append((name, tensor))
            }
        }
        guard !tensors.isEmpty else { throw Self.without(index, values, file) }
        if !left.isEmpty {
            notes.append(
                "the weights under '\(path.joined(separator: "."))' were taken; the file also holds "
                    + left.map { "'\($0)'" }.joined(separator: ", "))
        }
    }

    static func value(_ key: String, _ pairs: [PickleValue]) -> PickleValue {
        var value = PickleValue.none
        for position in stride(from: 0, to: pairs.count, by: 2) {
            if case .string(key) = pairs[position] { value = pairs[position + 1] }
        }
        return value
    }

    // MARK: What is none

    /// What is to be done instead, for a root that is no dictionary.
    private static func stranger(_ root: PickleValue, _ values: PickleValues, _ file: String) -> CheckpointError {
        switch root {
        case .object(let index): return module(values.objects[index].className, file, in: "the file")
        case .tensor:
            return .malformed(file: file, reason: "it holds one tensor without a name, not a dictionary of them")
        default: return .malformed(file: file, reason: "there is no dictionary of tensors in it")
        }
    }

    /// The same for a dictionary without a tensor: a trainer's that has the whole model in it.
    private static func without(_ index: Int, _ values: PickleValues, _ file: String) -> CheckpointError {
        for wrapper in wrappers {
            if case .object(let object) = value(wrapper, values.containers[index]) {
                return module(values.objects[object].className, file, in: "'\(wrapper)'")
            }
        }
        return .malformed(file: file, reason: "there is no dictionary of tensors in it")
    }

    private static func module(_ name: String, _ file: String, in place: String) -> CheckpointError {
        .malformed(
            file: file,
            reason:
                "\(place) is a whole object of class '\(name)', which only its own program can open; there, save its "
                + "tensors: torch.save(model.state_dict(), 'weights.pt')")
    }
}

/// What values are, whoever made them.
private struct PickleValues {
    let containers: [[PickleValue]]
    let objects: [PickleObject]

    init(_ machine: PickleMachine) {
        containers = machine.containers
        objects = machine.objects
    }

    /// The keys and values of a dictionary, or of an object that was filled like one.
    func dictionary(_ value: PickleValue) -> Int? {
        switch value {
        case .dictionary(let index): index
        case .object(let index): objects[index].items
        default: nil
        }
    }

    func tensor(_ value: PickleValue) -> TorchTensor? {
        switch value {
        case .tensor(let tensor): return tensor
        case .object(let index) where objects[index].className.contains("._rebuild_"):
            return TorchTensor(
                storage: TorchStorage(type: nil, typeName: "", key: "", count: 0), offset: 0, shape: [], strides: [],
                foreign: "what '\(objects[index].className)' makes")
        default: return nil
        }
    }

    /// Whether a dictionary has a named tensor, or one in it has.
    func holdsTensors(_ index: Int) -> Bool {
        var seen: Set<Int> = [index]
        var left = [index]
        while let index = left.popLast() {
            let pairs = containers[index]
            for position in stride(from: 0, to: pairs.count, by: 2) {
                guard case .string = pairs[position] else { continue }
                if tensor(pairs[position + 1]) != nil { return true }
                if let inner = dictionary(pairs[position + 1]), seen.insert(inner).inserted { left.append(inner) }
            }
        }
        return false
    }
}
