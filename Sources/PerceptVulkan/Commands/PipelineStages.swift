import CPerceptVulkan

/// Kinds of work that a barrier orders.
package struct PipelineStages: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let compute = PipelineStages(rawValue: 1 << 0)
    /// Copies and fills.
    package static let transfer = PipelineStages(rawValue: 1 << 1)
    /// The host: as a source its writes, as a destination its reads after a wait.
    package static let host = PipelineStages(rawValue: 1 << 2)

    var mask: VkPipelineStageFlags2 {
        (contains(.compute) ? VK_PIPELINE_STAGE_2_COMPUTE_SHADER_BIT : 0)
            | (contains(.transfer) ? VK_PIPELINE_STAGE_2_ALL_TRANSFER_BIT : 0)
            | (contains(.host) ? VK_PIPELINE_STAGE_2_HOST_BIT : 0)
    }

    var writes: VkAccessFlags2 {
        (contains(.compute) ? VK_ACCESS_2_SHADER_WRITE_BIT : 0)
            | (contains(.transfer) ? VK_ACCESS_2_TRANSFER_WRITE_BIT : 0)
            | (contains(.host) ? VK_ACCESS_2_HOST_WRITE_BIT : 0)
    }

    var accesses: VkAccessFlags2 {
        (contains(.compute) ? VK_ACCESS_2_SHADER_READ_BIT | VK_ACCESS_2_SHADER_WRITE_BIT : 0)
            | (contains(.transfer) ? VK_ACCESS_2_TRANSFER_READ_BIT | VK_ACCESS_2_TRANSFER_WRITE_BIT : 0)
            | (contains(.host) ? VK_ACCESS_2_HOST_READ_BIT : 0)
    }
}
