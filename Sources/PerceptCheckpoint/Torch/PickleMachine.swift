import PerceptNumbers

/// Reads a pickle without being able to do anything but build plain values and tensor descriptions.
///
/// The opcodes are those PyTorch writes with pickle protocols 1 to 5 (Python: `pickletools`). Callables are names
/// (``PickleGlobal``): the few that make tensors and dictionaries are known, what any other would make is an object
/// without contents, and one that a file of tensors has no use for ends the reading. A step handles a constant amount of
/// data or data that it consumes, and their number is bounded, so time and memory are linear in the input.
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
    /// What unknown classes made.
    private(set) var objects: [PickleObject] = []
    /// Every storage referred to, by key.
    private(set) var storages: [String: TorchStorage] = [:]

    /// - Parameter position: where the pickle begins.
    init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0, file: String) {
        cursor = ByteCursor(bytes, at: position, file: file)
        self.file = file
    }

    /// Values that calls have copied.
    private var copiedValues = 0

    /// Where the next byte to read lies.
    var position: Int { cursor.position }

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
            guard version <= 5 else {
                throw .unsupported(file: file, feature: "pickle protocol \(version)")
            }
        case "\u{95}": _ = try cursor.size64()
        case "(": marks.append(stack.count)
        case "0": _ = try pop()
        case "2": stack.append(try top())
        case "1": _ = try popMarked()
        case "N": stack.append(.none)
        case "\u{88}": stack.append(.bool(true))
        case "\u{89}": stack.append(.bool(false))
        case "J": stack.append(.integer(Int(try cursor.integer(Int32.self))))
        case "K": stack.append(.integer(Int(try cursor.integer(UInt8.self))))
        case "M": stack.append(.integer(Int(try cursor.integer(UInt16.self))))
        case "\u{8A}": try pushLong()
        case "I": try pushNumber(cursor.line())
        case "L": try pushNumber(cursor.line().replacing("L", with: ""))
        case "F": stack.append(.ignored); _ = try cursor.line()
        case "\u{8B}": try push(ignoring: Int(cursor.integer(Int32.self)))
        case "G": try push(ignoring: 8)
        // Python 2 writes names as bytes.
        case "U": try push(name: Int(cursor.integer(UInt8.self)))
        case "T": try push(name: Int(cursor.integer(Int32.self)))
        case "C": try push(ignoring: Int(cursor.integer(UInt8.self)))
        case "B": try push(ignoring: Int(cursor.integer(UInt32.self)))
        case "\u{8E}", "\u{96}": try push(ignoring: cursor.size64())
        case "\u{8C}": stack.append(.string(try cursor.text(Int(cursor.integer(UInt8.self)))))
        case "X": stack.append(.string(try cursor.text(Int(cursor.integer(UInt32.self)))))
        case "\u{8D}": stack.append(.string(try cursor.text(cursor.size64())))
        case ")": push(tuple: [])
        case "\u{85}": push(tuple: try pop(1))
        case "\u{86}": push(tuple: try pop(2))
        case "\u{87}": push(tuple: try pop(3))
        case "t": push(tuple: try popMarked())
        case "]": stack.append(.list(newContainer([])))
        case "l": stack.append(.list(newContainer(try popMarked())))
        case "}": stack.append(.dictionary(newContainer([])))
        case "d": try pushDictionary(popMarked())
        case "\u{8F}": stack.append(.ignored)
        case "\u{91}":
            _ = try popMarked()
            stack.append(.ignored)
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
        case "i":
            let global = try global(module: cursor.line(), name: cursor.line())
            _ = try popMarked()
            pushObject(of: .global(global))
        case "o": pushObject(of: try popMarked().first ?? .none)
        case "\u{81}": pushObject(of: try pop(2)[0])
        case "\u{92}": pushObject(of: try pop(3)[0])
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

    /// A string of bytes that is a name where it is UTF-8.
    private mutating func push(name byteCount: Int) throws(CheckpointError) {
        let bytes = try cursor.take(byteCount)
        stack.append(String(validating: bytes, as: UTF8.self).map { .string($0) } ?? .ignored)
    }

    /// A number written out; `00` and `01` are truth values.
    private mutating func pushNumber(_ text: String) throws(CheckpointError) {
        switch text {
        case "00": stack.append(.bool(false))
        case "01": stack.append(.bool(true))
        default: stack.append(Int(text).map { .integer($0) } ?? .ignored)
        }
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
        case .ignored, .object: break
        default: throw fault("append to what is not a list")
        }
    }

    private mutating func setItems(_ pairs: [PickleValue]) throws(CheckpointError) {
        guard pairs.count.isMultiple(of: 2) else { throw fault("items for what is not a dictionary") }
        switch try top() {
        case .dictionary(let index): containers[index].append(contentsOf: pairs)
        case .object(let index):
            let items = objects[index].items ?? newContainer([])
            objects[index].items = items
            containers[items].append(contentsOf: pairs)
        case .ignored: break
        default: throw fault("items for what is not a dictionary")
        }
    }

    private mutating func pushDictionary(_ pairs: [PickleValue]) throws(CheckpointError) {
        guard pairs.count.isMultiple(of: 2) else { throw fault("items for what is not a dictionary") }
        stack.append(.dictionary(newContainer(pairs)))
    }

    // MARK: Globals

    private func global(module: String, name: String) throws(CheckpointError) -> PickleGlobal {
        guard let global = PickleGlobal(module: module, name: name) else {
            throw .forbidden(file: file, global: "\(module).\(name)")
        }
        return global
    }

    private mutating func pushGlobal(module: String, name: String) throws(CheckpointError) {
        stack.append(.global(try global(module: module, name: name)))
    }

    private mutating func pushStackGlobal() throws(CheckpointError) {
        guard case .string(let name) = try pop(), case .string(let module) = try pop() else {
            throw fault("a global without a name")
        }
        try pushGlobal(module: module, name: name)
    }

    /// An object of a class: a dictionary, or one of which nothing is known.
    private mutating func pushObject(of maker: PickleValue) {
        if case .global(.dictionaryClass) = maker { return stack.append(.dictionary(newContainer([]))) }
        let name = if case .global(let global) = maker { global.name } else { "a class that was made" }
        objects.append(PickleObject(className: name))
        stack.append(.object(objects.count - 1))
    }

    /// BINPERSID: ("storage", class, key, device, element count), in the old format with a part of it behind: nil or (key,
    /// offset, count). The old format also has ("module", class, source file, source).
    private mutating func pushStorage() throws(CheckpointError) {
        guard case .tuple(let index) = try pop() else { throw fault("a persistent reference that is not a storage") }
        let fields = containers[index]
        if fields.count == 4, case .string("module") = fields[0], case .global = fields[1] {
            return stack.append(fields[1])
        }
        guard (5...6).contains(fields.count), case .string("storage") = fields[0], case .global(let kind) = fields[1],
            case .string(let key) = fields[2], case .integer(let count) = fields[4], count >= 0
        else { throw fault("a persistent reference that is not a storage") }
        var storage: TorchStorage
        switch kind {
        case .storage(let type): storage = TorchStorage(type: type, typeName: type.rawValue, key: key, count: count)
        case .otherStorage(let name): storage = TorchStorage(type: nil, typeName: name, key: key, count: count)
        default: throw fault("a persistent reference that is not a storage")
        }
        storages[key] = storage
        if fields.count == 6, case .tuple(let index) = fields[5] {
            let part = containers[index]
            guard part.count == 3, case .integer(let start) = part[1], case .integer(let partCount) = part[2],
                start >= 0,
                partCount >= 0, start <= count, partCount <= count - start
            else { throw fault("a part that lies outside its storage") }
            storage.start = start
            storage.partCount = partCount
        }
        stack.append(.storage(storage))
    }

    private mutating func reduce() throws(CheckpointError) {
        guard case .tuple(let index) = try pop() else { throw fault("a call without arguments") }
        let arguments = containers[index]
        switch try pop() {
        case .global(.rebuildSubclass):
            guard arguments.count == 4, case .global(let maker) = arguments[0], case .tuple(let index) = arguments[2],
                maker != .rebuildSubclass
            else { throw fault("a tensor of a subclass without a tensor") }
            try apply(maker, containers[index])
        case .global(let global): try apply(global, arguments)
        case .object, .ignored: pushObject(of: .none)
        default: throw fault("a call of what is not a global")
        }
    }

    private mutating func apply(_ global: PickleGlobal, _ arguments: [PickleValue]) throws(CheckpointError) {
        switch (global, arguments.count) {
        case (.dictionaryClass, _): try pushDictionary(pairs(arguments.first))
        case (.rebuildTensor, 4...7): stack.append(.tensor(try tensor(arguments)))
        case (.rebuildTypedTensor, 7...8):
            var tensor = try tensor(Array(arguments.prefix(4)))
            guard case .global(.elementType(let type)) = arguments[6] else { throw fault("a tensor without a type") }
            tensor.foreign = "the element type '\(type)'"
            stack.append(.tensor(tensor))
        case (.rebuildParameter, 3), (.rebuildParameterWithState, 4):
            switch arguments[0] {
            case .tensor, .object: stack.append(arguments[0])
            default: throw fault("a parameter that is not a tensor")
            }
        case (.other, _), (.elementType, _): pushObject(of: .global(global))
        default: throw fault("'\(global.name)' called with \(arguments.count) arguments")
        }
    }

    /// Keys and values of a dictionary that a call makes of another or of a list of pairs.
    private mutating func pairs(_ value: PickleValue?) throws(CheckpointError) -> [PickleValue] {
        switch value {
        case .dictionary(let index), .list(let index), .tuple(let index):
            // A value can be handed over again and again.
            copiedValues += containers[index].count
            guard copiedValues <= Self.mostSteps else { throw fault("it copies more than \(Self.mostSteps) values") }
        default: break
        }
        switch value {
        case .dictionary(let index): return containers[index]
        case .list(let index), .tuple(let index):
            var pairs: [PickleValue] = []
            for element in containers[index] {
                switch element {
                case .list(let pair) where containers[pair].count == 2,
                    .tuple(let pair) where containers[pair].count == 2:
                    pairs += containers[pair]
                default: throw fault("a dictionary of what are not pairs")
                }
            }
            return pairs
        default: return []
        }
    }

    /// The state of a module's OrderedDict or of a parameter says nothing about its elements.
    private mutating func build() throws(CheckpointError) {
        let state = try pop()
        switch try top() {
        case .dictionary, .tensor, .ignored: break
        case .object(let index): objects[index].state = state
        default: throw fault("state for what has none")
        }
    }

    private func tensor(_ arguments: [PickleValue]) throws(CheckpointError) -> TorchTensor {
        guard case .storage(let storage) = arguments[0], case .integer(let offset) = arguments[1], offset >= 0,
            let shape = integers(arguments[2]), let strides = integers(arguments[3]), shape.count == strides.count
        else { throw fault("a tensor without a valid storage, offset, shape or strides") }
        var tensor = TorchTensor(storage: storage, offset: offset, shape: shape, strides: strides)
        if storage.type == nil { tensor.foreign = "the element type of '\(storage.typeName)'" }
        // Views whose elements mean their negatives or conjugates are marked so.
        if arguments.count == 7, case .dictionary(let index) = arguments[6], !containers[index].isEmpty {
            tensor.foreign = "a negated or conjugated view"
        }
        return tensor
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
