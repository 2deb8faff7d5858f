import Foundation
import PerceptGraph
import PerceptShaders
import PerceptVulkan
import Synchronization

/// The pipelines of a device, each made on first use, and what is kept of them on disk.
final class PipelineStore: Sendable {
    private struct Key: Hashable {
        let kernel: Kernel
        let constants: [UInt32]
        let subgroupSize: Int?

        init(_ dispatch: Dispatch) {
            kernel = dispatch.kernel
            constants = dispatch.constants
            subgroupSize = dispatch.subgroupSize
        }

        private init(empty: Kernel) {
            kernel = empty
            constants = [1]
            subgroupSize = nil
        }

        static let empty = Key(empty: Catalog.empty)
    }

    private let device: Device
    private let made = Mutex<[Key: ShaderPipeline]>([:])
    private let cache: PipelineCache?
    /// Whether pipelines were made that the disk may not have.
    private let hasNew = Atomic<Bool>(false)
    private let replacesKernels: Bool

    /// - Parameters:
    ///   - directory: where they are kept between runs; nil keeps nothing.
    ///   - replacesKernels: an empty kernel stands in for each.
    init(on device: Device, directory: URL?, replacesKernels: Bool) throws {
        self.device = device
        self.replacesKernels = replacesKernels
        cache = if let directory { try PipelineCache(on: device, directory: directory.path) } else { nil }
    }

    func pipeline(for dispatch: Dispatch) throws -> ShaderPipeline {
        let key = replacesKernels ? Key.empty : Key(dispatch)
        if let known = made.withLock({ $0[key] }) { return known }
        let pipeline = try compile(key, cache: cache)
        hasNew.store(true, ordering: .relaxed)
        made.withLock { $0[key] = pipeline }
        return pipeline
    }

    /// A dispatch's own kernel, compiled anew with what the driver keeps of it.
    func compile(_ dispatch: Dispatch, capturing captures: PipelineCaptures) throws -> ShaderPipeline {
        try compile(Key(dispatch), cache: nil, capturing: captures)
    }

    /// Keeps them on disk, if any were made since the last time.
    ///
    /// - Returns: why they could not be kept.
    func keep() -> (any Error)? { hasNew.exchange(false, ordering: .relaxed) ? cache?.save() : nil }

    private func compile(
        _ key: Key, cache: PipelineCache?, capturing captures: PipelineCaptures = []
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
}
