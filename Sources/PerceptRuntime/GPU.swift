package import Foundation
package import PerceptGraph
import PerceptSPIRV
package import PerceptShaders
package import PerceptVulkan
import Synchronization

/// An opened device with what programs are made from: its thread, its pipelines and what planning knows of it.
///
/// Nothing here runs by itself. Programs are recorded and run on `thread`, the one thread that blocks on the device.
package final class GPU: Sendable {
    package let device: Device
    package let thread: ExecutorThread
    package let profile: DeviceProfile
    /// Where pipelines and measured rates are kept between runs; nil keeps nothing.
    package let cacheDirectory: URL?
    /// What came of trying kernels for matrix units, by their names; empty where the device has none that they use.
    package let matrixVerdicts: [String: MatrixVerdict]

    /// What was measured to be fastest, and how that was read from the cache.
    package let tuning: TuningFile

    private struct PipelineKey: Hashable {
        let kernel: Kernel
        let constants: [UInt32]
        let subgroupSize: Int?
    }
    private let pipelines = Mutex<[PipelineKey: ShaderPipeline]>([:])
    private let pipelineCache: PipelineCache?
    /// Whether pipelines were made that the disk may not have.
    private let hasNewPipelines = Atomic<Bool>(false)
    private let replacesKernels: Bool

    /// - Parameters:
    ///   - matrixVerdicts: kernels for matrix units that did well serve.
    ///   - tuning: kernels that are chosen for shapes, where they serve.
    ///   - replacesKernels: runs an empty kernel in place of each: what remains is the host's share of a run.
    package init(
        _ device: Device, cacheDirectory: URL? = nil, flopsPerSecond: Double? = nil,
        matrixVerdicts: [String: MatrixVerdict] = [:], tuning: TuningFile = TuningFile(),
        replacesKernels: Bool = false
    ) throws {
        self.device = device
        self.replacesKernels = replacesKernels
        self.cacheDirectory = cacheDirectory
        thread = try ExecutorThread(name: "percept.device")
        self.matrixVerdicts = matrixVerdicts
        self.tuning = tuning
        var profile = DeviceProfile(device.physical, flopsPerSecond: flopsPerSecond)
        profile.tuning = tuning.table
        if var units = MatrixUnits(device.physical) {
            units.kernels = units.kernels.filter { matrixVerdicts[$0.name]?.isUsed == true }
            self.profile = units.kernels.isEmpty ? profile : profile.using(units)
        } else {
            self.profile = profile
        }
        pipelineCache =
            if let cacheDirectory { try PipelineCache(on: device, directory: cacheDirectory.path) } else { nil }
    }

    /// The pipeline of a dispatch, made on first use.
    func pipeline(for dispatch: Dispatch) throws -> ShaderPipeline {
        let kernel = replacesKernels ? Catalog.empty : dispatch.kernel
        let key = PipelineKey(
            kernel: kernel, constants: replacesKernels ? [1] : dispatch.constants,
            subgroupSize: replacesKernels ? nil : dispatch.subgroupSize)
        if let known = pipelines.withLock({ $0[key] }) { return known }
        let made = try makePipeline(key, cache: pipelineCache)
        hasNewPipelines.store(true, ordering: .relaxed)
        pipelines.withLock { $0[key] = made }
        return made
    }

    /// A dispatch's kernel, compiled anew with what the driver keeps of it; nothing is kept by a driver that does not tell.
    package func compile(_ dispatch: Dispatch, capturing captures: PipelineCaptures) throws -> ShaderPipeline {
        let key = PipelineKey(
            kernel: dispatch.kernel, constants: dispatch.constants, subgroupSize: dispatch.subgroupSize)
        let tells = device.physical.features.contains(.pipelineExecutableProperties)
        return try makePipeline(key, cache: nil, capturing: tells ? captures : [])
    }

    /// What the driver says of a dispatch's compiled kernel; nil where it says nothing. The kernel is compiled for it.
    func statistics(of dispatch: Dispatch) throws -> PipelineStatistics? {
        guard device.physical.features.contains(.pipelineExecutableProperties) else { return nil }
        let statistics = try compile(dispatch, capturing: .statistics).statistics()
        return statistics.values.isEmpty ? nil : statistics
    }

    private func makePipeline(
        _ key: PipelineKey, cache: PipelineCache?, capturing captures: PipelineCaptures = []
    ) throws -> ShaderPipeline {
        guard let spirv = try ShaderSource.spirv(of: key.kernel) else {
            throw RuntimeError.moduleMissing(kernel: key.kernel.name)
        }
        return try spirv.withUnsafeBytes { bytes throws(VulkanError) in
            try ShaderPipeline(
                on: device, spirv: bytes, constants: key.constants,
                subgroupSize: device.physical.limits.canRequireSubgroupSize ? key.subgroupSize : nil,
                cache: cache, captures: captures, label: key.kernel.name)
        }
    }

    /// Keeps the pipelines made so far for the next process, if any were made since the last time.
    ///
    /// - Returns: why they could not be kept.
    package func keepPipelines() -> (any Error)? {
        hasNewPipelines.exchange(false, ordering: .relaxed) ? pipelineCache?.save() : nil
    }
}

/// Where modules come from: the binary, or a folder of `.spv` files that `shaderpack write` made, for work on kernels
/// without rebuilding the package.
package enum ShaderSource {
    /// Whether a kernel's module is there: prebuilt ones may have been left out.
    package static func has(_ kernel: Kernel) -> Bool { (try? spirv(of: kernel)) != nil }

    /// Changes with the names and the modules of kernels (FNV-1a).
    package static func fingerprint(_ kernels: [Kernel]) -> UInt64 {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for kernel in kernels {
            let module = (try? spirv(of: kernel)) ?? Data()
            for byte in Data(kernel.name.utf8) + module { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        return hash
    }

    package static func spirv(of kernel: Kernel) throws -> Data? {
        guard let folder = ProcessInfo.processInfo.environment["PERCEPT_SHADER_DIR"] else {
            return ShaderModules.spirv(of: kernel)
        }
        let file = URL(filePath: folder).appending(path: "\(kernel.name).spv")
        guard let data = try? Data(contentsOf: file), data.count % 4 == 0, !data.isEmpty else {
            throw RuntimeError.moduleUnreadable(file: file.path)
        }
        return data
    }
}

extension DeviceProfile {
    /// Until a device has been measured: a rate at which no submission of an ordinary card runs long.
    private static func assumedRate(_ kind: PhysicalDevice.Kind) -> Double {
        switch kind {
        case .discrete: 2e12
        case .integrated, .virtual, .other: 2e11
        case .cpu: 1e10
        }
    }

    /// What the driver names first, but Intel's narrowest: its registers are a subgroup's, and 32 lanes have a quarter of what
    /// 8 have. Mesa 26.2 spills `matvec` for Xe-LP and Arc A770M with 32, attention with 16.
    private static func subgroupSize(_ physical: PhysicalDevice) -> Int {
        let limits = physical.limits
        return physical.isIntel && limits.canRequireSubgroupSize ? limits.minSubgroupSize : limits.subgroupSize
    }

    package init(_ physical: PhysicalDevice, flopsPerSecond: Double? = nil) {
        let limits = physical.limits
        var supports: KernelRequirements = []
        if limits.subgroupOperations.contains(.arithmetic) { supports.insert(.subgroupArithmetic) }
        // A shuffle's code depends on the subgroup's size, so it must be known.
        if limits.subgroupOperations.contains(.shuffle) && (limits.knowsSubgroupSize || physical.kind == .cpu) {
            supports.insert(.subgroupShuffle)
        }
        if physical.features.contains(.shaderInt64) { supports.insert(.int64) }
        if physical.features.contains(.integerDotProduct), ShaderSource.has(Catalog.matmulDot) {
            supports.insert(.integerDot)
        }
        self.init(
            style: physical.kind == .cpu ? .cpu : .gpu, subgroupSize: Self.subgroupSize(physical), supports: supports,
            readsUniformsOnce: physical.readsUniformsOnce,
            largestGroupCount: limits.maxComputeWorkGroupCount,
            largestWorkgroup: min(limits.maxComputeWorkGroupInvocations, limits.maxComputeWorkGroupSize[0]),
            sharedMemoryBytes: limits.maxComputeSharedMemorySize,
            flopsPerSecond: flopsPerSecond ?? Self.assumedRate(physical.kind), family: DeviceClass(physical))
        preferences.adopt(physical)
    }
}
