import CPerceptVulkan

/// The device-level functions the room calls, looked up on the device so that no call passes the loader again.
struct DeviceFunctions: Sendable {
    let destroyDevice: PFN_vkDestroyDevice
    let getDeviceQueue: PFN_vkGetDeviceQueue
    let deviceWaitIdle: PFN_vkDeviceWaitIdle
    let allocateMemory: PFN_vkAllocateMemory
    let freeMemory: PFN_vkFreeMemory
    let mapMemory: PFN_vkMapMemory
    let flushMappedMemoryRanges: PFN_vkFlushMappedMemoryRanges
    let invalidateMappedMemoryRanges: PFN_vkInvalidateMappedMemoryRanges
    let createBuffer: PFN_vkCreateBuffer
    let destroyBuffer: PFN_vkDestroyBuffer
    let getBufferMemoryRequirements: PFN_vkGetBufferMemoryRequirements
    let bindBufferMemory: PFN_vkBindBufferMemory
    let getBufferDeviceAddress: PFN_vkGetBufferDeviceAddress
    let createPipelineLayout: PFN_vkCreatePipelineLayout
    let destroyPipelineLayout: PFN_vkDestroyPipelineLayout
    let createPipelineCache: PFN_vkCreatePipelineCache
    let destroyPipelineCache: PFN_vkDestroyPipelineCache
    let getPipelineCacheData: PFN_vkGetPipelineCacheData
    let createShaderModule: PFN_vkCreateShaderModule
    let destroyShaderModule: PFN_vkDestroyShaderModule
    let createComputePipelines: PFN_vkCreateComputePipelines
    let destroyPipeline: PFN_vkDestroyPipeline
    let createCommandPool: PFN_vkCreateCommandPool
    let destroyCommandPool: PFN_vkDestroyCommandPool
    let resetCommandPool: PFN_vkResetCommandPool
    let allocateCommandBuffers: PFN_vkAllocateCommandBuffers
    let beginCommandBuffer: PFN_vkBeginCommandBuffer
    let endCommandBuffer: PFN_vkEndCommandBuffer
    let cmdBindPipeline: PFN_vkCmdBindPipeline
    let cmdPushConstants: PFN_vkCmdPushConstants
    let cmdDispatch: PFN_vkCmdDispatch
    let cmdDispatchBase: PFN_vkCmdDispatchBase
    let cmdCopyBuffer: PFN_vkCmdCopyBuffer
    let cmdFillBuffer: PFN_vkCmdFillBuffer
    let cmdResetQueryPool: PFN_vkCmdResetQueryPool
    let createQueryPool: PFN_vkCreateQueryPool
    let destroyQueryPool: PFN_vkDestroyQueryPool
    let getQueryPoolResults: PFN_vkGetQueryPoolResults
    let createSemaphore: PFN_vkCreateSemaphore
    let destroySemaphore: PFN_vkDestroySemaphore
    let waitSemaphores: PFN_vkWaitSemaphores
    let getSemaphoreCounterValue: PFN_vkGetSemaphoreCounterValue
    let cmdPipelineBarrier2: PFN_vkCmdPipelineBarrier2
    let cmdWriteTimestamp2: PFN_vkCmdWriteTimestamp2
    let queueSubmit2: PFN_vkQueueSubmit2

    // Nil where the extension is absent.
    let getMemoryHostPointerProperties: PFN_vkGetMemoryHostPointerPropertiesEXT?
    let getCalibratedTimestamps: PFN_vkGetCalibratedTimestampsEXT?
    let setObjectName: PFN_vkSetDebugUtilsObjectNameEXT?
    let cmdBeginLabel: PFN_vkCmdBeginDebugUtilsLabelEXT?
    let cmdEndLabel: PFN_vkCmdEndDebugUtilsLabelEXT?
    let getPipelineExecutableProperties: PFN_vkGetPipelineExecutablePropertiesKHR?
    let getPipelineExecutableStatistics: PFN_vkGetPipelineExecutableStatisticsKHR?
    let getPipelineExecutableInternalRepresentations: PFN_vkGetPipelineExecutableInternalRepresentationsKHR?

    /// - Parameter coreSynchronization2: synchronization2 comes with the API version, not with its extension.
    init(
        _ getDeviceProcAddr: PFN_vkGetDeviceProcAddr, _ device: Handle, coreSynchronization2: Bool
    ) throws(VulkanSetupError) {
        func find<F>(_ name: String, as type: F.Type) -> F? {
            getDeviceProcAddr(device.raw, name).map { unsafeBitCast($0, to: type) }
        }
        func require<F>(_ name: String) throws(VulkanSetupError) -> F {
            guard let function = find(name, as: F.self) else { throw .functionMissing(name) }
            return function
        }
        let suffix = coreSynchronization2 ? "" : "KHR"
        destroyDevice = try require("vkDestroyDevice")
        getDeviceQueue = try require("vkGetDeviceQueue")
        deviceWaitIdle = try require("vkDeviceWaitIdle")
        allocateMemory = try require("vkAllocateMemory")
        freeMemory = try require("vkFreeMemory")
        mapMemory = try require("vkMapMemory")
        flushMappedMemoryRanges = try require("vkFlushMappedMemoryRanges")
        invalidateMappedMemoryRanges = try require("vkInvalidateMappedMemoryRanges")
        createBuffer = try require("vkCreateBuffer")
        destroyBuffer = try require("vkDestroyBuffer")
        getBufferMemoryRequirements = try require("vkGetBufferMemoryRequirements")
        bindBufferMemory = try require("vkBindBufferMemory")
        getBufferDeviceAddress = try require("vkGetBufferDeviceAddress")
        createPipelineLayout = try require("vkCreatePipelineLayout")
        destroyPipelineLayout = try require("vkDestroyPipelineLayout")
        createPipelineCache = try require("vkCreatePipelineCache")
        destroyPipelineCache = try require("vkDestroyPipelineCache")
        getPipelineCacheData = try require("vkGetPipelineCacheData")
        createShaderModule = try require("vkCreateShaderModule")
        destroyShaderModule = try require("vkDestroyShaderModule")
        createComputePipelines = try require("vkCreateComputePipelines")
        destroyPipeline = try require("vkDestroyPipeline")
        createCommandPool = try require("vkCreateCommandPool")
        destroyCommandPool = try require("vkDestroyCommandPool")
        resetCommandPool = try require("vkResetCommandPool")
        allocateCommandBuffers = try require("vkAllocateCommandBuffers")
        beginCommandBuffer = try require("vkBeginCommandBuffer")
        endCommandBuffer = try require("vkEndCommandBuffer")
        cmdBindPipeline = try require("vkCmdBindPipeline")
        cmdPushConstants = try require("vkCmdPushConstants")
        cmdDispatch = try require("vkCmdDispatch")
        cmdDispatchBase = try require("vkCmdDispatchBase")
        cmdCopyBuffer = try require("vkCmdCopyBuffer")
        cmdFillBuffer = try require("vkCmdFillBuffer")
        cmdResetQueryPool = try require("vkCmdResetQueryPool")
        createQueryPool = try require("vkCreateQueryPool")
        destroyQueryPool = try require("vkDestroyQueryPool")
        getQueryPoolResults = try require("vkGetQueryPoolResults")
        createSemaphore = try require("vkCreateSemaphore")
        destroySemaphore = try require("vkDestroySemaphore")
        waitSemaphores = try require("vkWaitSemaphores")
        getSemaphoreCounterValue = try require("vkGetSemaphoreCounterValue")
        cmdPipelineBarrier2 = try require("vkCmdPipelineBarrier2\(suffix)")
        cmdWriteTimestamp2 = try require("vkCmdWriteTimestamp2\(suffix)")
        queueSubmit2 = try require("vkQueueSubmit2\(suffix)")
        getMemoryHostPointerProperties = find(
            "vkGetMemoryHostPointerPropertiesEXT", as: PFN_vkGetMemoryHostPointerPropertiesEXT.self)
        getCalibratedTimestamps = find(
            "vkGetCalibratedTimestampsEXT", as: PFN_vkGetCalibratedTimestampsEXT.self)
        setObjectName = find("vkSetDebugUtilsObjectNameEXT", as: PFN_vkSetDebugUtilsObjectNameEXT.self)
        cmdBeginLabel = find("vkCmdBeginDebugUtilsLabelEXT", as: PFN_vkCmdBeginDebugUtilsLabelEXT.self)
        cmdEndLabel = find("vkCmdEndDebugUtilsLabelEXT", as: PFN_vkCmdEndDebugUtilsLabelEXT.self)
        getPipelineExecutableProperties = find(
            "vkGetPipelineExecutablePropertiesKHR", as: PFN_vkGetPipelineExecutablePropertiesKHR.self)
        getPipelineExecutableStatistics = find(
            "vkGetPipelineExecutableStatisticsKHR", as: PFN_vkGetPipelineExecutableStatisticsKHR.self)
        getPipelineExecutableInternalRepresentations = find(
            "vkGetPipelineExecutableInternalRepresentationsKHR",
            as: PFN_vkGetPipelineExecutableInternalRepresentationsKHR.self)
    }
}
