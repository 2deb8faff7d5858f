import Foundation
import PerceptShaders

/// Rewrites what glslang makes of memory that threads have in common, in modules of Vulkan's memory model.
///
/// There glslang makes every single access of shared memory, and of a coherent buffer, available or visible to the others
/// (SPV_KHR_vulkan_memory_model), and compilers take that at its word: RADV (Mesa 25.0) ends each load with a wait, so that no
/// two of them overlap. Percept's kernels pass data on across barriers only, which every thread meets behind its stores and
/// before its loads, so that these can do it for all accesses at once: the accesses lose the operand, and the barriers gain
/// its semantics.
struct CommonMemory {
    /// Changed with what is made of a module, so that modules made before are out of date.
    static let version = "common memory 1"

    private var words: [UInt32]

    init(_ module: Data) throws {
        guard module.count >= 20, module.count % 4 == 0 else { throw PackError.unparsable }
        words = module.withUnsafeBytes { bytes in
            (0..<module.count / 4).map {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
            }
        }
        guard words[0] == 0x0723_0203 else { throw PackError.unparsable }
    }

    private enum Op {
        static let capability: UInt32 = 17
        static let typeInt: UInt32 = 21
        static let typePointer: UInt32 = 32
        static let constant: UInt32 = 43
        static let variable: UInt32 = 59
        static let load: UInt32 = 61
        static let store: UInt32 = 62
        static let accessChain: UInt32 = 65
        static let function: UInt32 = 54
        static let controlBarrier: UInt32 = 224
        static let memoryBarrier: UInt32 = 225
        static let cooperativeMatrixLoad: UInt32 = 4457
        static let cooperativeMatrixStore: UInt32 = 4458
    }
    private static let workgroupStorage: UInt32 = 4
    private static let physicalStorageBuffer: UInt32 = 5349
    private enum Access {
        static let aligned: UInt32 = 1 << 1
        static let makeAvailable: UInt32 = 1 << 3
        static let makeVisible: UInt32 = 1 << 4
    }
    private enum Semantics {
        static let acquireRelease: UInt32 = 1 << 3
        /// Buffers of all kinds.
        static let uniformMemory: UInt32 = 1 << 6
        static let workgroupMemory: UInt32 = 1 << 8
        static let makeAvailable: UInt32 = 1 << 13
        static let makeVisible: UInt32 = 1 << 14
    }

    private var instructions: [ArraySlice<UInt32>] {
        get throws {
            var result: [ArraySlice<UInt32>] = []
            var at = 5
            while at < words.count {
                let length = Int(words[at] >> 16)
                guard length > 0, at + length <= words.count else { throw PackError.unparsable }
                result.append(words[at..<at + length])
                at += length
            }
            return result
        }
    }

    /// The module with availability and visibility left to its barriers; one of another memory model as it is.
    func leftToBarriers() throws -> Data {
        let instructions = try instructions.map(Array.init)
        let capabilities = instructions.filter { $0[0] & 0xffff == Op.capability }.map { $0[1] }
        guard capabilities.contains(SPIRVCapability.vulkanMemoryModel) else { return Self.data(words) }
        var types: Set<UInt32> = []
        var pointers: Set<UInt32> = []
        var unsigned: UInt32?
        var constants: [UInt32: UInt32] = [:]
        for instruction in instructions {
            switch instruction[0] & 0xffff {
            case Op.typeInt where instruction[2] == 32 && instruction[3] == 0: unsigned = instruction[1]
            case Op.constant where instruction[1] == unsigned: constants[instruction[2]] = instruction[3]
            case Op.typePointer where [Self.workgroupStorage, Self.physicalStorageBuffer].contains(instruction[2]):
                types.insert(instruction[1])
            case Op.variable, Op.accessChain:
                if types.contains(instruction[1]) { pointers.insert(instruction[2]) }
            default: break
            }
        }
        var bound = words[3]
        var semantics: [UInt32: UInt32] = [:]
        var body: [UInt32] = []
        var added: [UInt32] = []
        var constantsEnd: Int?
        for instruction in instructions {
            let operation = instruction[0] & 0xffff
            if operation == Op.function, constantsEnd == nil { constantsEnd = body.count }
            switch operation {
            case Op.load: body += Self.plain(instruction, pointer: 3, operands: 4, pointers)
            case Op.store: body += Self.plain(instruction, pointer: 1, operands: 3, pointers)
            case Op.cooperativeMatrixLoad: body += Self.plain(instruction, pointer: 3, operands: 6, pointers)
            case Op.cooperativeMatrixStore: body += Self.plain(instruction, pointer: 1, operands: 5, pointers)
            case Op.controlBarrier, Op.memoryBarrier:
                var barrier = instruction
                guard let old = constants[instruction[instruction.count - 1]], let unsigned else {
                    throw PackError.unparsable
                }
                let memory = Semantics.workgroupMemory | Semantics.uniformMemory
                if old & Semantics.acquireRelease != 0, old & memory != 0 {
                    let new = old | Semantics.makeAvailable | Semantics.makeVisible
                    let known = constants.first { $0.value == new }?.key ?? semantics[new]
                    if known == nil {
                        semantics[new] = bound
                        added += [4 << 16 | Op.constant, unsigned, bound, new]
                        bound += 1
                    }
                    barrier[barrier.count - 1] = known ?? bound - 1
                }
                body += barrier
            default: body += instruction
            }
        }
        body.insert(contentsOf: added, at: constantsEnd ?? body.count)
        var header = Array(words[..<5])
        header[3] = bound
        return Self.data(header + body)
    }

    private static func data(_ words: [UInt32]) -> Data {
        words.reduce(into: Data()) { data, word in
            withUnsafeBytes(of: word.littleEndian) { data.append(contentsOf: $0) }
        }
    }

    /// An access through one of the pointers without what makes it available or visible, any other as it is.
    ///
    /// - Parameter operands: the place of the memory operands, if there are any.
    private static func plain(
        _ instruction: [UInt32], pointer: Int, operands: Int, _ pointers: Set<UInt32>
    ) -> [UInt32] {
        guard pointers.contains(instruction[pointer]), instruction.count > operands else { return instruction }
        let mask = instruction[operands]
        // Literals and scopes follow in the order of their bits.
        var kept = Array(instruction[..<operands])
        kept.append(mask & ~(Access.makeAvailable | Access.makeVisible))
        if mask & Access.aligned != 0 { kept.append(instruction[operands + 1]) }
        kept[0] = UInt32(kept.count) << 16 | instruction[0] & 0xffff
        return kept
    }
}
