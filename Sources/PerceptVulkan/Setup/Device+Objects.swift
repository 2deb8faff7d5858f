// What is made on an opened device. The objects themselves hold the logical device alone, which outlives the queue.

extension Buffer {
    /// - Parameters:
    ///   - size: bytes, more than 0.
    ///   - label: a name for validation messages and capture tools.
    package convenience init(
        on device: Device, size: Int, use: MemoryUse, label: String = ""
    ) throws(VulkanError) {
        try self.init(device.logical, device.memory, size: size, use: use, label: label)
    }
}

extension CommandBuffer {
    package convenience init(on device: Device, label: String = "") throws(VulkanError) {
        try self.init(device.logical, label: label)
    }
}

extension TimestampPool {
    /// A pool of `count` times; only for devices whose `timestampValidBits` is more than 0.
    package convenience init(on device: Device, count: Int) throws(VulkanError) {
        try self.init(device.logical, count: count)
    }
}

extension PipelineCache {
    /// Starts with what the file holds; one that is missing, damaged or foreign counts as empty.
    package convenience init(on device: Device, directory: String) throws(VulkanError) {
        try self.init(device.logical, directory: directory)
    }
}

extension ShaderPipeline {
    /// - Parameters:
    ///   - spirv: a module with the compute entry point `main`; whole words in this machine's byte order.
    ///   - constants: values of the specialisation constants with the ids 0, 1, and so on; the module may lack some.
    ///   - subgroupSize: the subgroup size the shader is written for; the workgroup's width must be a multiple of it.
    ///     Only for devices whose limits say `canRequireSubgroupSize`, and within their range.
    package convenience init(
        on device: Device, spirv: UnsafeRawBufferPointer, constants: [UInt32] = [], subgroupSize: Int? = nil,
        cache: PipelineCache? = nil, captures: PipelineCaptures = [], label: String
    ) throws(VulkanError) {
        try self.init(
            device.logical, spirv: spirv, constants: constants, subgroupSize: subgroupSize, cache: cache,
            captures: captures, label: label)
    }
}
