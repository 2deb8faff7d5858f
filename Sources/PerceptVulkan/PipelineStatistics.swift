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

    // Names are the drivers' own, in no specification: RADV has "VGPRs", "Spilled VGPRs", "Spilled SGPRs", "Scratch size"
    // and "Subgroups per SIMD", Intel's Mesa driver "Max live registers" and "Spills" (earlier "Spill Count"), NVIDIA's
    // "Register Count", AMD's own "VGPRs".

    /// Registers of a lane; nil where the driver does not say.
    package var registers: Int? { first(["vgprs", "register count", "max live registers"]) }

    /// Values that did not fit the registers; nil where the driver does not say.
    package var spills: Int? {
        let found = values.filter { $0.name.lowercased().hasPrefix("spill") }
        return found.isEmpty ? nil : Int(found.reduce(0) { $0 + $1.value })
    }

    /// Bytes of memory that stands in for registers; nil where the driver does not say.
    package var scratchBytes: Int? { first(["scratch size", "scratch memory size", "local memory size"]) }

    /// Subgroups that a processor's unit holds at a time; nil where the driver does not say.
    package var subgroupsPerUnit: Int? { first(["subgroups per simd"]) }

    private func first(_ wanted: [String]) -> Int? {
        values.first { wanted.contains($0.name.lowercased()) }.map { Int($0.value) }
    }
}

extension ShaderPipeline {
    /// Of all executables that the driver made, of a pipeline that captures them; empty where it has nothing to say.
    package func statistics() throws(VulkanError) -> PipelineStatistics {
        guard let getProperties = device.functions.getPipelineExecutableProperties,
            let getStatistics = device.functions.getPipelineExecutableStatistics
        else { return PipelineStatistics() }
        var pipeline = VkPipelineInfoKHR()
        pipeline.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR
        pipeline.pipeline = handle.raw
        var template = VkPipelineExecutablePropertiesKHR()
        template.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR
        let executables = try device.faults.enumerate("vkGetPipelineExecutablePropertiesKHR", of: template) {
            getProperties(device.handle.raw, &pipeline, $0, $1)
        }
        var values: [PipelineStatistics.Value] = []
        for index in executables.indices {
            var info = VkPipelineExecutableInfoKHR()
            info.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR
            info.pipeline = handle.raw
            info.executableIndex = UInt32(index)
            var statistic = VkPipelineExecutableStatisticKHR()
            statistic.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR
            values += try device.faults.enumerate("vkGetPipelineExecutableStatisticsKHR", of: statistic) {
                getStatistics(device.handle.raw, &info, $0, $1)
            }.map { PipelineStatistics.Value(String(cBytes: $0.name), Double($0)) }
        }
        return PipelineStatistics(values)
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
