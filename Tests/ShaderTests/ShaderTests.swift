import Foundation
import PerceptSPIRV
import PerceptShaders
import Testing

/// The table of variants against what the compiler made of them.
@Suite("Shader modules")
struct ShaderTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Shaders")

    /// The module that the binary carries; of a parked row, the one that the repository does.
    static func module(of kernel: Kernel) throws -> Data {
        guard kernel.isParked else {
            return try #require(ShaderModules.spirv(of: kernel), "\(kernel.name) was left out of the build")
        }
        let prebuilt = folder.appending(path: "prebuilt")
        let files = try FileManager.default.contentsOfDirectory(at: prebuilt, includingPropertiesForKeys: nil)
        let file = try #require(files.first { $0.lastPathComponent.hasPrefix("\(kernel.name)-") }, "\(kernel.name)")
        return try Data(contentsOf: file)
    }

    private func words(_ kernel: Kernel) throws -> [UInt32] {
        try Self.module(of: kernel).withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map { bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self) }
        }
    }

    @Test("each module has the interface that its row declares", arguments: Catalog.all.map(\.name))
    func interface(name: String) throws {
        let kernel = try #require(Catalog.all.first { $0.name == name })
        let found = mismatches(kernel, try Module(words(kernel)))
        #expect(found == [], "\(found)")
    }

    @Test("a module that differs from its row is found out")
    func doctored() throws {
        let kernel = Catalog.softmax
        var source = try words(kernel)
        // OpCapability Float16 and Int64 in front of the others.
        source.insert(contentsOf: [2 << 16 | 17, 9, 2 << 16 | 17, 11], at: 5)
        #expect(
            mismatches(kernel, try Module(source)) == [
                "softmax declares capability 9", "softmax declares capability 11",
            ])

        // The same module for a row that gates less, and for one with another interface.
        let honest = try Module(words(kernel))
        #expect(
            mismatches(kernel, honest, requires: [])
                == ["softmax declares capability \(SPIRVCapability.groupNonUniformArithmetic)"])
        var push = kernel.push
        push.swapAt(2, 3)
        #expect(mismatches(kernel, honest, push: push).count == 2)
        #expect(mismatches(kernel, honest, push: push.dropLast()).count == 3)
        #expect(mismatches(kernel, honest, constants: ["TILE"]).count == 1)
        #expect(mismatches(kernel, honest, constants: kernel.constants + ["TILE"]).count == 1)
    }

    @Test("broken modules are refused")
    func broken() throws {
        #expect(throws: Module.Fault.notAModule) { try Module([1, 2, 3]) }
        var source = try words(Catalog.softmax)
        source[5] = 0
        #expect(throws: Module.Fault.brokenInstruction(word: 5)) { try Module(source) }
        source[5] = 0xffff << 16 | 17
        #expect(throws: Module.Fault.brokenInstruction(word: 5)) { try Module(source) }
    }

    @Test("rows and files name one another")
    func files() throws {
        let found = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter {
            $0.hasSuffix(".comp")
        }
        #expect(Set(found) == Set(Catalog.all.map(\.file)))
        #expect(Set(Catalog.all.map(\.name)).count == Catalog.all.count)
    }

    @Test("the binary carries no module of a kernel that no device has run")
    func parked() {
        let parked = Catalog.all.filter(\.isParked)
        #expect(!parked.isEmpty && parked.allSatisfy { ShaderModules.spirv(of: $0) == nil && $0.isPrebuilt })
    }

    /// The first column names a kernel, the second its variants: whole, or what is added to the first.
    @Test("the table of Shaders/README.md has every row of the catalog")
    func documented() throws {
        let text = try String(contentsOf: Self.folder.appending(path: "README.md"), encoding: .utf8)
        let table = try #require(text.split(separator: "\n\n").first { $0.hasPrefix("| kernel | variants |") })
        let names = table.split(separator: "\n").dropFirst(2).flatMap { line in
            let columns = line.split(separator: "|").prefix(2).map { column in
                column.split { " `,".contains($0) }.map(String.init)
            }
            return columns[0] + columns[1].map { $0.hasPrefix("_") ? columns[0][0] + $0 : $0 }
        }
        #expect(names.sorted() == Catalog.all.map(\.name).sorted())
    }

    @Test("push constants fit every device")
    func pushSize() {
        for kernel in Catalog.all { #expect(kernel.pushByteCount <= 128, "\(kernel.name)") }
    }

    /// What a module has that its row does not say, or says otherwise.
    ///
    /// Doctored rows are given by their parts.
    private func mismatches(
        _ kernel: Kernel, _ module: Module, push: [PushField]? = nil, constants: [String]? = nil,
        requires: KernelRequirements? = nil
    ) -> [String] {
        let (push, constants) = (push ?? kernel.push, constants ?? kernel.constants)
        var result: [String] = []
        let allowed = SPIRVCapability.baseline.union((requires ?? kernel.requires).capabilities)
        for capability in module.capabilities.subtracting(allowed).sorted() {
            result.append("\(kernel.name) declares capability \(capability)")
        }
        if module.entryPoints != ["main"] { result.append("\(kernel.name) has entry points \(module.entryPoints)") }

        if module.push.count != push.count { result.append("\(kernel.name) has \(module.push.count) push constants") }
        var offset = 0
        for (field, member) in zip(push, module.push) {
            let kind: Module.Member.Kind =
                switch field.kind {
                case .address: .address
                case .uint: .uint
                case .float: .float
                }
            let expected = Module.Member(name: field.name, offset: offset, kind: kind)
            if member != expected { result.append("\(kernel.name): \(member) instead of \(expected)") }
            offset += field.kind.byteCount
        }

        for (number, name) in constants.enumerated() where module.constants[number]?.contains(name) != true {
            result.append("\(kernel.name): no constant \(number) is \(name)")
        }
        for number in module.constants.keys where !constants.indices.contains(number) {
            result.append("\(kernel.name): constant \(number) has no name in the row")
        }
        return result.sorted { $0.count == $1.count ? $0 < $1 : $0.count < $1.count }
    }
}
