import PerceptNumbers
package import PerceptShaders

/// Which attention kernel serves a shape on a device, with its cut: a pure function of both, and of what was measured.
package struct AttentionChoice: Candidate {
    package let kernel: Kernel
    package let lanes: Int
    /// Of a workgroup.
    package let queries: Int
    package let subgroupSize: Int?
    let cut: Cut

    /// How a kernel shares out the work of a workgroup.
    enum Cut: Hashable, Sendable {
        /// Each lane has queries of its own.
        case queries
        /// So many lanes share a head.
        case split(Int)
        /// On matrix units.
        case matrix(MatrixAttention)
        /// On matrices of whole workgroups.
        case workgroupMatrix(WorkgroupMatrixAttention)
    }

    package var name: String {
        let block: Int? =
            switch cut {
            case .queries, .split: nil
            case .matrix(let cut): cut.block
            case .workgroupMatrix(let cut): cut.cut.block
            }
        return "\(kernel.name) \(queries) queries, \(lanes) lanes" + (block.map { ", \($0) keys" } ?? "")
    }

    /// Whether keys and values are addressed apart, as kernels for matrix units have them.
    var isOnMatrices: Bool {
        switch cut {
        case .queries, .split: false
        case .matrix, .workgroupMatrix: true
        }
    }

    /// The specialisation constants of the kernel, in the order of its row.
    func constants(_ shape: AttentionShape, result: StorageType) -> [(key: String, value: Int)] {
        typealias Constants = [(key: String, value: Int)]
        let head: Constants = [("LANES", lanes), ("HEAD_OCTETS", shape.headOctets)]
        let types: Constants = [("Q_TYPE", Int(shape.type.rawValue)), ("KV_TYPE", Int(shape.format.constant))]
        let result: Constants = [("RESULT_TYPE", Int(result.rawValue)), ("CAUSAL", shape.causal ? 1 : 0)]
        return switch cut {
        case .queries: head + types + result
        case .split(let lanes): head + types + result + [(Catalog.split, lanes)]
        case .matrix(let cut): head + result + cut.constants
        // The queries and keys of an image are known when the pipeline is made, those of a decoder are not.
        case .workgroupMatrix(let cut): head + result + cut.constants + [("TOKENS", shape.cached ? 0 : shape.queries)]
        }
    }
}

extension AttentionChoice {
    /// What was measured to be fastest, else what the rules for the device's family say.
    package init(_ shape: AttentionShape, for device: DeviceProfile) {
        let measured = device.tuning.choice(for: shape.shapeClass, among: Self.candidates(shape, for: device))
        self = measured ?? Self.byRule(shape, for: device)
    }

    /// What is chosen where nothing was measured.
    package static func byRule(_ shape: AttentionShape, for device: DeviceProfile) -> AttentionChoice {
        preferred(workgroupMatrix(shape, device), shape, device)
            ?? matrix(shape, device, cuts: usualCuts(shape, device)).first
            ?? uniform(shape, device) ?? shuffled(shape, device)
            ?? splits(shape, device, lanes: device.preferences.attentionLanes).first
            ?? shared(shape, device, lanes: device.preferences.attentionLanes)
    }

    /// Kernels for matrix units in the cuts that rules choose among.
    static func ruled(_ shape: AttentionShape, for device: DeviceProfile) -> [AttentionChoice] {
        workgroupMatrix(shape, device) + matrix(shape, device, cuts: usualCuts(shape, device))
    }

    /// Every way that the device has, each of which a measurement may prefer.
    package static func candidates(_ shape: AttentionShape, for device: DeviceProfile) -> [AttentionChoice] {
        let passing = [uniform(shape, device), shuffled(shape, device)].compactMap { $0 }
        // Where lanes shuffle, shared memory is slow beyond doubt.
        let sharing =
            device.shuffles
            ? []
            : Set([32, 64, 128, device.preferences.attentionLanes]).sorted().filter { $0 <= device.largestWorkgroup }
        return workgroupMatrix(shape, device) + matrix(shape, device) + passing
            + sharing.flatMap { splits(shape, device, lanes: $0) } + sharing.map { shared(shape, device, lanes: $0) }
    }

    /// Subgroups of a workgroup, keys in shared memory at a time, and matrices of queries of a subgroup.
    private typealias MatrixCut = (subgroups: Int, block: Int, down: Int)
    private static let usualCut: MatrixCut = (4, 32, 1)

    /// The cuts that there are by rule, best first.
    ///
    /// In subgroups of 64 lanes AMD's matrix units (RDNA3) want each row of a matrix four times, so that loading a matrix from
    /// shared memory takes as long as multiplying it by one: there two are multiplied by it, if their registers suffice.
    ///
    /// Intel's subgroups have few registers for what a thread fetches, so that many fetch together; of 8 lanes (Arc A) Mesa 26.2
    /// spills 192 values at the least, where `attention_split` spills 32.
    private static func usualCuts(_ shape: AttentionShape, _ device: DeviceProfile) -> [MatrixCut] {
        guard let units = device.matrixUnits else { return [] }
        if [.intelArc, .intelIntegrated].contains(device.family) {
            return units.subgroupSize < 16 ? [] : [(16, 32, 1), (8, 32, 1), usualCut]
        }
        return units.subgroupSize > 32 && shape.headOctets <= 8 ? [(2, 32, 2), usualCut] : [usualCut]
    }

    private static func matrix(
        _ shape: AttentionShape, _ device: DeviceProfile,
        cuts: [MatrixCut] = [
            usualCut, (2, 32, 1), (8, 32, 1), (16, 32, 1), (16, 16, 1), (4, 64, 1), (8, 64, 1), (2, 32, 2), (4, 32, 2),
            (4, 64, 2),
        ]
    ) -> [AttentionChoice] {
        guard shape.format == .plain(shape.type) else { return [] }
        return cuts.compactMap { cut in
            MatrixAttention(
                shape.type, headOctets: shape.headOctets, cached: shape.cached, subgroups: cut.subgroups,
                block: cut.block, down: cut.down, device: device
            ).map {
                AttentionChoice(
                    kernel: $0.kernel, lanes: $0.lanes, queries: $0.queries, subgroupSize: $0.subgroupSize,
                    cut: .matrix($0))
            }
        }
    }

    private static func workgroupMatrix(_ shape: AttentionShape, _ device: DeviceProfile) -> [AttentionChoice] {
        guard shape.format == .plain(shape.type) else { return [] }
        return WorkgroupMatrixAttention.fitting(
            shape.type, headOctets: shape.headOctets, cached: shape.cached, device: device
        ).map {
            AttentionChoice(
                kernel: $0.kernel, lanes: $0.cut.lanes, queries: $0.cut.queries, subgroupSize: nil,
                cut: .workgroupMatrix($0))
        }
    }

    /// Of choices, most queries first, the first that makes enough workgroups, else the last.
    private static func preferred(
        _ choices: [AttentionChoice], _ shape: AttentionShape, _ device: DeviceProfile
    ) -> AttentionChoice? {
        choices.first {
            shape.queries.dividedRoundingUp(by: $0.queries) * shape.heads >= device.preferences.enoughWorkgroups
        } ?? choices.last
    }

    private static func uniform(_ shape: AttentionShape, _ device: DeviceProfile) -> AttentionChoice? {
        guard device.readsUniformly(shape.type), !shape.cached else { return nil }
        return passing(Catalog.attention[.uniform], device)
    }

    private static func shuffled(_ shape: AttentionShape, _ device: DeviceProfile) -> AttentionChoice? {
        guard device.shuffles else { return nil }
        let loads: Variant = device.loadsWide ? .wide : .plain
        return passing(Catalog.attention[shape.cached ? .cached + loads : loads], device)
    }

    private static func passing(_ kernel: Kernel, _ device: DeviceProfile) -> AttentionChoice {
        let lanes = device.subgroupSize
        // HELD of `Shaders/attention.comp`.
        return AttentionChoice(
            kernel: kernel, lanes: lanes, queries: lanes * (lanes <= 8 ? 2 : 1), subgroupSize: lanes, cut: .queries)
    }

    /// Those that fit a subgroup, the one to start from first; none where lanes cannot exchange what they share a head for.
    private static func splits(_ shape: AttentionShape, _ device: DeviceProfile, lanes: Int) -> [AttentionChoice] {
        guard device.style == .gpu, device.supports.contains(.subgroupShuffle) else { return [] }
        let preferred = min(device.preferences.attentionSplit, device.subgroupSize)
        let usual = shape.headOctets > 8 ? max(8, preferred) : preferred
        return [usual, 4, 8, 16].enumerated().compactMap { index, split in
            guard index == 0 || split != usual, device.subgroupSize % split == 0, lanes % split == 0,
                split <= 2 * shape.headOctets
            else { return nil }
            // HELD of `Shaders/attention_split.comp`. Workgroups smaller than a subgroup have but one, of any size.
            return AttentionChoice(
                kernel: Catalog.attentionSplit[shape.cached ? .cached : .plain], lanes: lanes,
                queries: lanes / split * 4,
                subgroupSize: lanes % device.subgroupSize == 0 ? device.subgroupSize : nil, cut: .split(split))
        }
    }

    private static func shared(_ shape: AttentionShape, _ device: DeviceProfile, lanes: Int) -> AttentionChoice {
        AttentionChoice(
            kernel: Catalog.attention[shape.cached ? .cached + .shared : .shared], lanes: lanes,
            queries: lanes, subgroupSize: nil, cut: .queries)
    }
}
