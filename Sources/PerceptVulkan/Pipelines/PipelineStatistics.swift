import CPerceptVulkan

/// What a driver says of a compiled shader, as it says it (`VK_KHR_pipeline_executable_properties`).
package struct PipelineStatistics: Hashable, Sendable {
    package struct Value: Hashable, Sendable {
        /// The driver's.
        package let name: String
        package let value: Double

        package init(_ name: String, _ value: Double) {
            self.name = name
            self.value = value
        }
    }
    package let values: [Value]

    package init(_ values: [Value] = []) { self.values = values }

    // Names are the drivers' own, in no specification: those of Mesa 26.2, NVIDIA's and AMD's own. Registers are the drivers'
    // too: RADV's and NVK's hold 32 bits of each lane, Intel's 32 bytes, Turnip's four words of each lane.

    /// Registers that a lane, or on Intel a subgroup, needs; nil where the driver does not say.
    package var registers: Int? {
        first(["vgprs", "register count", "number of gprs", "max live registers", "registers used"])
    }

    /// Values that did not fit the registers, or instructions that store such; nil where the driver does not say. NVK has
    /// registers of subgroups, to which it spills at no cost in memory: those do not count.
    package var spills: Int? {
        let found = values.filter {
            let name = $0.name.lowercased()
            return name.hasPrefix("spill") && name != "spills to reg" || name == "stp count"
        }
        return found.isEmpty ? nil : Int(found.reduce(0) { $0 + $1.value })
    }

    /// Bytes of memory that stands in for registers; nil where the driver does not say.
    package var scratchBytes: Int? { first(["scratch size", "scratch memory size", "local memory size", "slm size"]) }

    /// Bytes of shared memory of a workgroup; nil where the driver does not say.
    package var sharedBytes: Int? { first(["lds size", "workgroup memory size", "shared memory size"]) }

    /// Bytes of machine code; nil where the driver does not say.
    package var codeBytes: Int? { first(["code size", "binary size"]) }

    /// Subgroups that a processor's unit holds at a time, of a SIMD unit, a multiprocessor or a core; nil where the driver does
    /// not say.
    package var subgroupsPerUnit: Int? { first(["subgroups per simd", "max warps/sm", "max waves per core"]) }

    private func first(_ wanted: [String]) -> Int? {
        values.first { wanted.contains($0.name.lowercased()) }.map { Int($0.value) }
    }
}

/// A shader as a driver's compiler has it at some stage, the last of which is the processor's own code.
package struct PipelineRepresentation: Hashable, Sendable {
    /// The driver's.
    package let name: String
    /// Nil where it is not text.
    package let text: String?
}

extension ShaderPipeline {
    /// Of all executables that the driver made, of a pipeline that captures them; empty where it has nothing to say.
    package func statistics() throws(VulkanError) -> PipelineStatistics {
        guard let getStatistics = device.functions.getPipelineExecutableStatistics else { return PipelineStatistics() }
        var values: [PipelineStatistics.Value] = []
        for index in 0..<(try executableCount()) {
            var info = executable(index)
            var statistic = VkPipelineExecutableStatisticKHR()
            statistic.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR
            values += try device.faults.enumerate("vkGetPipelineExecutableStatisticsKHR", of: statistic) {
                getStatistics(device.handle.raw, &info, $0, $1)
            }.map { PipelineStatistics.Value(String(cBytes: $0.name), Double($0)) }
        }
        return PipelineStatistics(values)
    }

    /// What the compiler made of the shader, of a pipeline that captures it, stage by stage; empty where the driver does not
    /// show it.
    package func representations() throws(VulkanError) -> [PipelineRepresentation] {
        guard let getRepresentations = device.functions.getPipelineExecutableInternalRepresentations else { return [] }
        var found: [PipelineRepresentation] = []
        for index in 0..<(try executableCount()) {
            var info = executable(index)
            var template = VkPipelineExecutableInternalRepresentationKHR()
            template.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR
            // Sizes first, then the bytes into memory of that size.
            var representations = try device.faults.enumerate(
                "vkGetPipelineExecutableInternalRepresentationsKHR", of: template
            ) { getRepresentations(device.handle.raw, &info, $0, $1) }
            let memory = representations.map {
                UnsafeMutableRawBufferPointer.allocate(byteCount: $0.dataSize, alignment: 16)
            }
            defer { for part in memory { part.deallocate() } }
            for index in representations.indices { representations[index].pData = memory[index].baseAddress }
            var count = UInt32(representations.count)
            try device.check("vkGetPipelineExecutableInternalRepresentationsKHR") {
                representations.withUnsafeMutableBufferPointer {
                    getRepresentations(device.handle.raw, &info, &count, $0.baseAddress)
                }
            }
            for (representation, memory) in zip(representations, memory).prefix(Int(count)) {
                let bytes = memory.prefix(representation.dataSize).prefix { $0 != 0 }
                found.append(
                    PipelineRepresentation(
                        name: String(cBytes: representation.name),
                        text: representation.isText != 0 ? String(decoding: bytes, as: UTF8.self) : nil))
            }
        }
        return found
    }

    private func executableCount() throws(VulkanError) -> Int {
        guard let getProperties = device.functions.getPipelineExecutableProperties else { return 0 }
        var pipeline = VkPipelineInfoKHR()
        pipeline.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR
        pipeline.pipeline = handle.raw
        var template = VkPipelineExecutablePropertiesKHR()
        template.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR
        return try device.faults.enumerate("vkGetPipelineExecutablePropertiesKHR", of: template) {
            getProperties(device.handle.raw, &pipeline, $0, $1)
        }.count
    }

    private func executable(_ index: Int) -> VkPipelineExecutableInfoKHR {
        var info = VkPipelineExecutableInfoKHR()
        info.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR
        info.pipeline = handle.raw
        info.executableIndex = UInt32(index)
        return info
    }
}

extension Double {
    fileprivate init(_ statistic: VkPipelineExecutableStatisticKHR) {
        switch statistic.format {
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR: self = Double(statistic.value.b32)
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR: self = Double(statistic.value.i64)
        case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR: self = Double(statistic.value.u64)
        default: self = statistic.value.f64
        }
    }
}
