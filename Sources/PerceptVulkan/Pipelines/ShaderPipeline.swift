import CPerceptVulkan

/// A compute shader made ready to run.
package final class ShaderPipeline: Sendable {
    package let label: String
    let handle: Handle
    let device: LogicalDevice

    init(
        _ logical: LogicalDevice, spirv: UnsafeRawBufferPointer, constants: [UInt32], subgroupSize: Int?,
        cache: PipelineCache?, captures: PipelineCaptures, label: String
    ) throws(VulkanError) {
        precondition(!spirv.isEmpty && spirv.count.isMultiple(of: 4), "SPIR-V of \(spirv.count) bytes")
        let module = try Self.createModule(spirv, logical)
        defer {
            logical.functions.destroyShaderModule(logical.handle.raw, module.raw, nil)
            logical.faults.destroyed()
        }
        // Long grids are submitted in parts.
        let flags = VK_PIPELINE_CREATE_DISPATCH_BASE_BIT.rawValue | captures.rawValue
        handle = try Self.create(logical, module, constants, subgroupSize, cache, flags: flags)
        self.label = label
        self.device = logical
        logical.setName(label, of: handle, VK_OBJECT_TYPE_PIPELINE)
    }

    deinit {
        device.functions.destroyPipeline(device.handle.raw, handle.raw, nil)
        device.faults.destroyed()
    }

    private static func createModule(
        _ spirv: UnsafeRawBufferPointer, _ device: LogicalDevice
    ) throws(VulkanError) -> Handle {
        // A copy puts the words where C wants them, whatever the alignment of the source.
        let words = [UInt32](unsafeUninitializedCapacity: spirv.count / 4) { words, count in
            UnsafeMutableRawBufferPointer(words).copyMemory(from: spirv)
            count = spirv.count / 4
        }
        return try words.withUnsafeBufferPointer { words throws(VulkanError) in
            var info = VkShaderModuleCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO
            info.codeSize = words.count * 4
            info.pCode = words.baseAddress
            return try device.create("vkCreateShaderModule") {
                device.functions.createShaderModule(device.handle.raw, &info, nil, $0)
            }
        }
    }

    private static func create(
        _ device: LogicalDevice, _ module: Handle, _ constants: [UInt32], _ subgroupSize: Int?, _ cache: PipelineCache?,
        flags: VkPipelineCreateFlags
    ) throws(VulkanError) -> Handle {
        let entries = constants.indices.map {
            VkSpecializationMapEntry(constantID: UInt32($0), offset: UInt32($0 * 4), size: 4)
        }
        var required = VkPipelineShaderStageRequiredSubgroupSizeCreateInfo()
        required.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO
        required.requiredSubgroupSize = UInt32(subgroupSize ?? 0)
        let entryPoint = CStrings(["main"])
        return try entries.withUnsafeBufferPointer { entries throws(VulkanError) in
            try constants.withUnsafeBufferPointer { values throws(VulkanError) in
                var specialization = VkSpecializationInfo()
                specialization.mapEntryCount = UInt32(entries.count)
                specialization.pMapEntries = entries.baseAddress
                specialization.dataSize = values.count * 4
                specialization.pData = UnsafeRawPointer(values.baseAddress)
                return try withUnsafePointer(to: specialization) { specialization throws(VulkanError) in
                    try withUnsafePointer(to: required) { required throws(VulkanError) in
                        var info = VkComputePipelineCreateInfo()
                        info.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO
                        info.layout = device.pipelineLayout.raw
                        info.flags = flags
                        info.stage.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO
                        info.stage.stage = VK_SHADER_STAGE_COMPUTE_BIT
                        info.stage.module = module.raw
                        info.stage.pName = entryPoint.pointer?.pointee
                        info.stage.pSpecializationInfo = specialization
                        if subgroupSize != nil {
                            info.stage.pNext = UnsafeRawPointer(required)
                            if device.physical.features.contains(.computeFullSubgroups) {
                                info.stage.flags =
                                    VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT.rawValue
                            }
                        }
                        return try device.create("vkCreateComputePipelines") {
                            device.functions.createComputePipelines(
                                device.handle.raw, cache?.handle.raw, 1, &info, nil, $0)
                        }
                    }
                }
            }
        }
    }
}
