import Foundation
import PerceptShaders
import Testing

@Suite("memory that threads have in common")
struct CommonMemoryTests {
    private static let vulkanModel = Catalog.all.filter {
        !$0.requires.isDisjoint(with: [.cooperativeMatrix, .bfloat16Matrix])
    }

    /// Where every access made itself visible, drivers would wait for each (SPIRV specification 1.6, sections 3.25 and 3.26).
    @Test("is made visible by barriers, not by each access", arguments: vulkanModel.map(\.name))
    func leftToBarriers(name: String) throws {
        let kernel = try #require(Catalog.all.first { $0.name == name })
        let data = try ShaderTests.module(of: kernel)
        let words = data.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) }
        }
        let storages: [UInt32] = [4, 5349]
        let (makesAvailable, makesVisible): (UInt32, UInt32) = (1 << 3, 1 << 4)
        let barrier: UInt32 = 1 << 13 | 1 << 14
        // The places of the pointer and of the memory operands: loads, stores, and those of matrices.
        let accesses: [UInt32: (pointer: Int, operands: Int)] = [61: (3, 4), 62: (1, 3), 4457: (3, 6), 4458: (1, 5)]
        var types: Set<UInt32> = []
        var pointers: Set<UInt32> = []
        var constants: [UInt32: UInt32] = [:]
        var (barriers, common) = (0, 0)
        var at = 5
        while at < words.count {
            let instruction = Array(words[at..<at + Int(words[at] >> 16)])
            at += instruction.count
            switch instruction[0] & 0xffff {
            case 32 where storages.contains(instruction[2]): types.insert(instruction[1])
            case 43 where instruction.count == 4: constants[instruction[2]] = instruction[3]
            case 59 where types.contains(instruction[1]), 65 where types.contains(instruction[1]):
                pointers.insert(instruction[2])
            case 224, 225:
                barriers += 1
                #expect((constants[instruction[instruction.count - 1]] ?? 0) & barrier == barrier)
            case let operation:
                guard let access = accesses[operation], pointers.contains(instruction[access.pointer]) else { continue }
                common += 1
                let mask = instruction.count > access.operands ? instruction[access.operands] : 0
                #expect(mask & (makesAvailable | makesVisible) == 0)
            }
        }
        #expect(barriers > 0 && common > 0)
    }
}
