import CPerceptVulkan

/// What a driver keeps of a pipeline for those who ask; only for devices with the feature `pipelineExecutableProperties`.
/// Some drivers then pass by the cache.
package struct PipelineCaptures: OptionSet, Sendable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    /// For `ShaderPipeline.statistics`.
    package static let statistics = PipelineCaptures(rawValue: VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR.rawValue)
    /// For `ShaderPipeline.representations`.
    package static let representations = PipelineCaptures(
        rawValue: VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR.rawValue)
}
