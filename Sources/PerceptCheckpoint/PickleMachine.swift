/// Reads a pickle without being able to do anything but build plain values and tensor descriptions.
///
/// The opcodes are those PyTorch writes with pickle protocols 2 to 5 (Python: `pickletools`). Names of callables come
/// from ``PickleGlobal``; any other one ends the reading before anything is applied to it. A step handles a constant
/// amount of data or data that it consumes, and their number is bounded, so time and memory are linear in the input.
struct PickleMachine {
    /// Real checkpoints take about 40 steps a tensor.
    private static let mostSteps = 4_000_000

    private var cursor: ByteCursor
    private let file: String
    private var stack: [PickleValue] = []
    /// Stack heights at the open marks.
    private var marks: [Int] = []
    private var memo: [Int: PickleValue] = [:]
    /// Contents of tuples, lists and dictionaries.
    private(set) var containers: [[PickleValue]] = []

    init(_ bytes: UnsafeRawBufferPointer, file: String) {
        cursor = ByteCursor(bytes, file: file)
        self.file = file
    }

    /// Runs to the STOP opcode and returns the one value left.
    mutating func run() throws(CheckpointError) -> PickleValue {
        for _ in 0..<Self.mostSteps {
            let opcode = try cursor.integer(UInt8.self)
            if opcode == UInt8(ascii: ".") { return try pop() }
            try step(opcode)
        }
        throw fault("it takes more than \(Self.mostSteps) steps")
    }

    private func fault(_ what: String) -> CheckpointError {
        .malformed(file: file, reason: "the pickle is damaged at byte \(cursor.position): \(what)")
    }

    // MARK: Opcodes

    private mutating func step(_ opcode: UInt8) throws(CheckpointError) {
        switch Unicode.Scalar(opcode) {
        case "\u{80}":
            let version = try cursor.integer(UInt8.self)
            guard (2...5).contains(version) else {
                throw .unsupported(file: file, feature: "pickle protocol \(version)")
            }
        case "\u{95}": _ = try cursor.size64()
        case "(": marks.append(stack.count)
        case "0": _ = try pop()
        case "1": _ = try popMarked()
        case "N": stack.append(.none)
        case "\u{88}": stack.append(.bool(true))
        case "\u{89}": stack.append(.bool(false))
        case "J": stack.append(.integer(Int(try cursor.integer(Int32.self))))
        case "K": stack.append(.integer(Int(try cursor.integer(UInt8.self))))
        case "M": stack.append(.integer(Int(try cursor.integer(UInt16.self))))
        case "\u{8A}": try pushLong()
        case "G": try push(ignoring: 8)
        case "U", "C": try push(ignoring: Int(cursor.integer(UInt8.self)))
        case "T", "B": try push(ignoring: Int(cursor.integer(UInt32.self)))
        case "\u{8E}": try push(ignoring: cursor.size64())
        case "\u{8C}": stack.append(.string(try cursor.text(Int(cursor.integer(UInt8.self)))))
        case "X": stack.append(.string(try cursor.text(Int(cursor.integer(UInt32.self)))))
        case "\u{8D}": stack.append(.string(try cursor.text(cursor.size64())))
        case ")": push(tuple: [])
        case "\u{85}": push(tuple: try pop(1))
        case "\u{86}": push(tuple: try pop(2))
        case "\u{87}": push(tuple: try pop(3))
        case "t": push(tuple: try popMarked())
        case "]": stack.append(.list(newContainer([])))
        case "}": stack.append(.dictionary(newContainer([])))
        case "\u{8F}": stack.append(.ignored)
        case "a": try append(pop(1))
        case "e", "\u{90}": try append(popMarked())
        case "s": try setItems(pop(2))
        case "u": try setItems(popMarked())
        case "q": memo[Int(try cursor.integer(UInt8.self))] = try top()
        case "r": memo[Int(try cursor.integer(UInt32.self))] = try top()
        case "\u{94}": memo[memo.count] = try top()
        case "h": try recall(Int(cursor.integer(UInt8.self)))
        case "j": try recall(Int(cursor.integer(UInt32.self)))
        case "c": try pushGlobal(module: cursor.line(), name: cursor.line())
        case "\u{93}": try pushStackGlobal()
        case "Q": try pushStorage()
        case "R": try reduce()
        case "b": try build()
        case "i": throw .forbidden(file: file, global: "\(try cursor.line()).\(try cursor.line())")
        case "\u{81}", "\u{92}", "o": throw .forbidden(file: file, global: "\(try newTarget()).__new__")
        default: throw fault("opcode 0x\(String(opcode, radix: 16)) is not one that tensors need")
        }
    }

    // MARK: Stack

    /// No value below an open mark may be touched, as in Python.
    private mutating func pop() throws(CheckpointError) -> PickleValue {
        guard stack.count > marks.last ?? 0, let value = stack.popLast() else { throw fault("the stack is empty") }
        return value
    }

    private mutating func pop(_ count: Int) throws(CheckpointError) -> [PickleValue] {
        guard stack.count - (marks.last ?? 0) >= count else { throw fault("the stack is empty") }
        defer { stack.removeLast(count) }
        return Array(stack.suffix(count))
    }

    private mutating func popMarked() throws(CheckpointError) -> [PickleValue] {
        guard let height = marks.popLast() else { throw fault("there is no mark") }
        defer { stack.removeSubrange(height...) }
        return Array(stack[height...])
    }

    private func top() throws(CheckpointError) -> PickleValue {
        guard let value = stack.last else { throw fault("the stack is empty") }
        return value
    }

    private mutating func recall(_ index: Int) throws(CheckpointError) {
        guard let value = memo[index] else { throw fault("memo \(index) is not set") }
        stack.append(value)
    }

    private mutating func newContainer(_ values: [PickleValue]) -> Int {
        containers.append(values)
        return containers.count - 1
    }

    private mutating func push(tuple values: [PickleValue]) {
        stack.append(.tuple(newContainer(values)))
    }

    private mutating func push(ignoring byteCount: Int) throws(CheckpointError) {
        _ = try cursor.take(byteCount)
        stack.append(.ignored)
    }

    /// LONG1: a little-endian two's complement integer; longer than 8 bytes it can be no size.
    private mutating func pushLong() throws(CheckpointError) {
        let bytes = try cursor.take(Int(cursor.integer(UInt8.self)))
        guard bytes.count <= 8 else { return stack.append(.ignored) }
        var value: Int = (bytes.last ?? 0) & 0x80 == 0 ? 0 : -1
        for byte in bytes.reversed() { value = value << 8 | Int(byte) }
        stack.append(.integer(value))
    }

    // MARK: Containers

    private mutating func append(_ values: [PickleValue]) throws(CheckpointError) {
        switch try top() {
        case .list(let index): containers[index].append(contentsOf: values)
        case .ignored: break
        default: throw fault("append to what is not a list")
        }
    }

    private mutating func setItems(_ pairs: [PickleValue]) throws(CheckpointError) {
        guard case .dictionary(let index) = try top(), pairs.count.isMultiple(of: 2) else {
            throw fault("items for what is not a dictionary")
        }
        containers[index].append(contentsOf: pairs)
    }

    // MARK: Globals

    private mutating func pushGlobal(module: String, name: String) throws(CheckpointError) {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw .forbidden(file: file, global: "\(module).\(name)")
        }
        stack.append(.global(global))
    }

    private mutating func pushStackGlobal() throws(CheckpointError) {
        guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
            throw fault("a global without a name")
        }
        try pushGlobal(module: module, name: name)
    }

    /// What an opcode that makes an object of any class was applied to, for the message.
    private func newTarget() throws(CheckpointError) -> String {
        for value in stack.reversed() {
            if case .global(let global) = value { return "\(global)" }
        }
        throw fault("an object without a class")
    }

    /// BINPERSID: ("storage", class, key, device, element count).
    private mutating func pushStorage() throws(CheckpointError) {
        guard case .tuple(let index) = try pop(), containers[index].count == 5,
            case .string("storage") = containers[index][0], case .global(.storage(let type)) = containers[index][1],
            case .string(let key) = containers[index][2], case .integer(let count) = containers[index][4], count >= 0
        else { throw fault("a persistent reference that is not a storage") }
        stack.append(.storage(TorchStorage(type: type, key: key, count: count)))
    }

    private mutating func reduce() throws(CheckpointError) {
        guard case .tuple(let index) = try pop() else { throw fault("a call without arguments") }
        let arguments = containers[index]
        guard case .global(let global) = try pop() else { throw fault("a call of what is not a global") }
        switch (global, arguments.count) {
        case (.orderedDictionary, 0): stack.append(.dictionary(newContainer([])))
        case (.rebuildTensor, 6...7): stack.append(.tensor(try tensor(arguments)))
        case (.rebuildParameter, 3), (.rebuildParameterWithState, 4):
            guard case .tensor = arguments[0] else { throw fault("a parameter that is not a tensor") }
            stack.append(arguments[0])
        case (.size, 1), (.set, 0...1): stack.append(.ignored)
        default: throw fault("'\(global)' called with \(arguments.count) arguments")
        }
    }

    /// The state of a module's OrderedDict or of a parameter says nothing about its elements.
    private mutating func build() throws(CheckpointError) {
        _ = try pop()
        switch try top() {
        case .dictionary, .tensor, .ignored: break
        default: throw fault("state for what has none")
        }
    }

    private func tensor(_ arguments: [PickleValue]) throws(CheckpointError) -> TorchTensor {
        guard case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1], offset >= 0,
            let shape = integers(arguments[2]), let strides = integers(arguments[3]), shape.count == strides.count
        else { throw fault("a tensor without a valid storage, offset, shape or strides") }
        return TorchTensor(storage: storage, offset: offset, shape: shape, strides: strides)
    }

    private func integers(_ value: PickleValue) -> [Int]? {
        // PyTorch itself stops at 64 dimensions.
        guard case .tuple(let index) = value, containers[index].count <= 64 else { return nil }
        var integers: [Int] = []
        for element in containers[index] {
            guard case .integer(let integer) = element else { return nil }
            integers.append(integer)
        }
        return integers
    }
}
