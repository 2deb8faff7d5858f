/// What a SPIR-V module declares, read from its words (SPIR-V specification 1.6, sections 2.3 and 3.52).
struct Module {
    /// A member of the push-constant block.
    struct Member: Equatable {
        enum Kind: Equatable {
            /// A 64-bit physical pointer.
            case address
            case uint
            case float
            case other(opcode: UInt32)
        }
        let name: String
        let offset: Int
        let kind: Kind
    }

    enum Fault: Error, Equatable {
        case notAModule
        case brokenInstruction(word: Int)
    }

    private(set) var capabilities: Set<UInt32> = []
    /// Members of the push-constant block, in order.
    private(set) var push: [Member] = []
    /// Names of specialisation constants by their numbers; several where the code has another name for the same value.
    private(set) var constants: [Int: Set<String>] = [:]
    private(set) var entryPoints: [String] = []

    private enum Op {
        static let name: UInt32 = 5
        static let memberName: UInt32 = 6
        static let entryPoint: UInt32 = 15
        static let capability: UInt32 = 17
        static let typeInt: UInt32 = 21
        static let typeFloat: UInt32 = 22
        static let typeStruct: UInt32 = 30
        static let typePointer: UInt32 = 32
        static let typeForwardPointer: UInt32 = 39
        static let variable: UInt32 = 59
        static let decorate: UInt32 = 71
        static let memberDecorate: UInt32 = 72
    }
    private static let magic: UInt32 = 0x0723_0203
    private static let pushConstant: UInt32 = 9
    private static let physicalStorageBuffer: UInt32 = 5349
    private static let specId: UInt32 = 1
    private static let offset: UInt32 = 35

    init(_ words: [UInt32]) throws {
        guard words.count > 5, words[0] == Self.magic else { throw Fault.notAModule }
        var names: [UInt32: Set<String>] = [:]
        var memberNames: [UInt32: [Int: String]] = [:]
        var memberOffsets: [UInt32: [Int: Int]] = [:]
        var structs: [UInt32: [UInt32]] = [:]
        var pointers: [UInt32: (storage: UInt32, target: UInt32)] = [:]
        var kinds: [UInt32: Member.Kind] = [:]
        var ids: [UInt32: Int] = [:]
        var pushType: UInt32?

        var at = 5
        while at < words.count {
            let length = Int(words[at] >> 16)
            guard length > 0, at + length <= words.count else { throw Fault.brokenInstruction(word: at) }
            let opcode = words[at] & 0xffff
            let operands = Array(words[at + 1..<at + length])
            let least = [Op.name: 2, Op.memberName: 3, Op.entryPoint: 3, Op.decorate: 2, Op.memberDecorate: 3]
            guard operands.count >= least[opcode] ?? 0 else { throw Fault.brokenInstruction(word: at) }
            switch opcode {
            case Op.capability: capabilities.formUnion(operands)
            case Op.entryPoint: entryPoints.append(Self.text(operands.dropFirst(2)))
            case Op.name: names[operands[0], default: []].insert(Self.text(operands.dropFirst()))
            case Op.memberName:
                memberNames[operands[0], default: [:]][Int(operands[1])] = Self.text(operands.dropFirst(2))
            case Op.memberDecorate where operands[2] == Self.offset && operands.count > 3:
                memberOffsets[operands[0], default: [:]][Int(operands[1])] = Int(operands[3])
            case Op.decorate where operands[1] == Self.specId && operands.count > 2: ids[operands[0]] = Int(operands[2])
            case Op.typeStruct where !operands.isEmpty: structs[operands[0]] = Array(operands.dropFirst())
            case Op.typePointer where operands.count == 3:
                pointers[operands[0]] = (operands[1], operands[2])
                kinds[operands[0]] = operands[1] == Self.physicalStorageBuffer ? .address : .other(opcode: opcode)
            case Op.typeInt where operands.count == 3:
                kinds[operands[0]] = operands[1] == 32 && operands[2] == 0 ? .uint : .other(opcode: opcode)
            case Op.typeFloat where operands.count >= 2:
                kinds[operands[0]] = operands[1] == 32 ? .float : .other(opcode: opcode)
            case Op.variable where operands.count >= 3 && operands[2] == Self.pushConstant:
                pushType = pointers[operands[0]]?.target
            default: break
            }
            at += length
        }

        if let pushType, let members = structs[pushType] {
            push = members.enumerated().map { index, type in
                Member(
                    name: memberNames[pushType]?[index] ?? "", offset: memberOffsets[pushType]?[index] ?? -1,
                    kind: kinds[type] ?? .other(opcode: 0))
            }
        }
        for (id, number) in ids { constants[number, default: []].formUnion(names[id] ?? []) }
    }

    /// A literal string: UTF-8 in little-endian words, ended by a zero.
    private static func text(_ words: ArraySlice<UInt32>) -> String {
        let bytes = words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        return String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
}
