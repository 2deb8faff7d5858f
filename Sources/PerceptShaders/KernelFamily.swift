/// How a module differs from the plain one of its family: its file is compiled with other defines.
package struct Variant: Sendable {
    /// What it adds to the name, behind an underscore.
    fileprivate var names: [String]
    fileprivate var defines: [String]
    fileprivate var adds: KernelRequirements = []
    fileprivate var drops: KernelRequirements = []
    /// Specialisation constants behind those of the family.
    fileprivate var constants: [String] = []
    fileprivate var isCached = false
    fileprivate var isParked = false

    package static let plain = Variant(names: [], defines: [])
    /// Loads through 64-bit integers, for drivers that load lane by lane.
    package static let wide = Variant(names: ["wide"], defines: ["WIDE"], adds: .int64)
    /// Reads A, or keys and values, at one address in all lanes, for drivers that then load once.
    package static let uniform = Variant(names: ["uniform"], defines: ["UNIFORM"], drops: .subgroupShuffle)
    /// The same, and loads B through 64-bit integers.
    package static let uniformWide = Variant(names: ["uniform"], defines: ["UNIFORM", "WIDE"], adds: .int64)
    /// Shares tiles of A and B in shared memory.
    package static let tiled = Variant(
        names: ["tiled"], defines: ["TILED"], drops: .subgroupShuffle, constants: ["TILE_COLUMNS", "THREAD_QUADS"])
    /// Shares keys and values in shared memory.
    package static let shared = Variant(names: ["shared"], defines: ["SHARED"], drops: .subgroupShuffle)
    /// Loads more before it goes on, for GPUs.
    package static let ahead = Variant(names: ["ahead"], defines: ["AHEAD"])
    /// Over a decoder's keys and values.
    package static let cached = Variant(names: ["cached"], defines: ["CACHED"], isCached: true)
    /// Of bfloat16 instead of f16. Drivers at hand compile it, and none runs it.
    package static let bf16 = Variant(
        names: ["bf16"], defines: ["BFLOAT"], adds: .bfloat16Matrix, drops: .cooperativeMatrix, isParked: true)
    /// Can make the depth in parts.
    package static let inParts = Variant(names: [], defines: [], constants: [Catalog.parts])

    package static func + (a: Variant, b: Variant) -> Variant {
        Variant(
            names: a.names + b.names, defines: a.defines + b.defines, adds: a.adds.union(b.adds),
            drops: a.drops.union(b.drops), constants: a.constants + b.constants, isCached: a.isCached || b.isCached,
            isParked: a.isParked || b.isParked)
    }
}

/// A `.comp` file with the modules that are made of it: what they have in common, and how each differs.
package struct KernelFamily: Sendable {
    private let plain: Kernel
    private let cachedPush: [PushField]
    private let rows: [(variant: Variant, kernel: Kernel)]

    /// - Parameters:
    ///   - name: that of the file, and of the plain module; the names of variants come at its end, or at an asterisk.
    ///   - cachedPush: push constants of variants over a decoder's keys and values.
    init(
        _ name: String, _ constants: [String], _ push: [PushField], cachedPush: [PushField] = [],
        _ requires: KernelRequirements = [], isPrebuilt: Bool = false, isParked: Bool = false, _ variants: [Variant]
    ) {
        var plain = Kernel(name, constants, push, requires, isPrebuilt: isPrebuilt)
        plain.isParked = isParked
        rows = variants.map { ($0, Self.kernel($0, of: plain, cachedPush)) }
        self.plain = plain
        self.cachedPush = cachedPush
    }

    package var kernels: [Kernel] { rows.map(\.kernel) }

    /// The kernel of a variant, whether or not the table has it: one that is missing has no module, which is found out when
    /// its pipeline is made, and before that by tests.
    package subscript(_ variant: Variant) -> Kernel {
        rows.first { $0.variant.names == variant.names }?.kernel ?? Self.kernel(variant, of: plain, cachedPush)
    }

    private static func kernel(_ variant: Variant, of plain: Kernel, _ cachedPush: [PushField]) -> Kernel {
        let parts = plain.name.split(separator: "*")
        var kernel = Kernel(
            name: parts[0] + variant.names.map { "_" + $0 }.joined() + parts.dropFirst().joined(),
            file: parts.joined() + ".comp", defines: variant.defines, constants: plain.constants + variant.constants,
            push: variant.isCached ? cachedPush : plain.push,
            requires: plain.requires.subtracting(variant.drops).union(variant.adds))
        kernel.isPrebuilt = plain.isPrebuilt
        kernel.isParked = plain.isParked || variant.isParked
        return kernel
    }
}

extension Kernel {
    /// A file that one module is made of.
    init(
        _ name: String, _ constants: [String], _ push: [PushField], _ requires: KernelRequirements = [],
        isPrebuilt: Bool = false
    ) {
        self.init(
            name: name, file: name + ".comp", defines: [], constants: ["LANES"] + constants, push: push,
            requires: requires, isPrebuilt: isPrebuilt)
    }
}

/// Fields of push constants, several of a kind.
func addresses(_ names: String...) -> [PushField] { names.map { .address($0) } }
func uints(_ names: String...) -> [PushField] { names.map { .uint($0) } }
func floats(_ names: String...) -> [PushField] { names.map { .float($0) } }
