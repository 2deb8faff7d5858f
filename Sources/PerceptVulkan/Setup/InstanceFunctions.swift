import CPerceptVulkan

/// The instance-level functions the room calls.
struct InstanceFunctions: Sendable {
    let destroyInstance: PFN_vkDestroyInstance
    let enumeratePhysicalDevices: PFN_vkEnumeratePhysicalDevices
    let getPhysicalDeviceProperties2: PFN_vkGetPhysicalDeviceProperties2
    let getPhysicalDeviceProperties: PFN_vkGetPhysicalDeviceProperties
    let getPhysicalDeviceFeatures2: PFN_vkGetPhysicalDeviceFeatures2
    let getPhysicalDeviceMemoryProperties2: PFN_vkGetPhysicalDeviceMemoryProperties2
    let getPhysicalDeviceQueueFamilyProperties: PFN_vkGetPhysicalDeviceQueueFamilyProperties
    let enumerateDeviceExtensionProperties: PFN_vkEnumerateDeviceExtensionProperties
    let createDevice: PFN_vkCreateDevice
    let getDeviceProcAddr: PFN_vkGetDeviceProcAddr

    // Nil where the extension is absent.
    let createMessenger: PFN_vkCreateDebugUtilsMessengerEXT?
    let destroyMessenger: PFN_vkDestroyDebugUtilsMessengerEXT?

    let getCalibrateableTimeDomains: PFN_vkGetPhysicalDeviceCalibrateableTimeDomainsEXT?
    let getCooperativeMatrixProperties: PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR?
    let getFlexibleMatrixProperties: PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV?

    init(_ loader: Loader, _ instance: Handle) throws(VulkanSetupError) {
        destroyInstance = try loader.require("vkDestroyInstance", instance)
        enumeratePhysicalDevices = try loader.require("vkEnumeratePhysicalDevices", instance)
        getPhysicalDeviceProperties2 = try loader.require("vkGetPhysicalDeviceProperties2", instance)
        getPhysicalDeviceProperties = try loader.require("vkGetPhysicalDeviceProperties", instance)
        getPhysicalDeviceFeatures2 = try loader.require("vkGetPhysicalDeviceFeatures2", instance)
        getPhysicalDeviceMemoryProperties2 = try loader.require("vkGetPhysicalDeviceMemoryProperties2", instance)
        getPhysicalDeviceQueueFamilyProperties = try loader.require(
            "vkGetPhysicalDeviceQueueFamilyProperties", instance)
        enumerateDeviceExtensionProperties = try loader.require("vkEnumerateDeviceExtensionProperties", instance)
        createDevice = try loader.require("vkCreateDevice", instance)
        getDeviceProcAddr = try loader.require("vkGetDeviceProcAddr", instance)
        createMessenger = loader.find(
            "vkCreateDebugUtilsMessengerEXT", instance, as: PFN_vkCreateDebugUtilsMessengerEXT.self)
        destroyMessenger = loader.find(
            "vkDestroyDebugUtilsMessengerEXT", instance, as: PFN_vkDestroyDebugUtilsMessengerEXT.self)
        getCalibrateableTimeDomains = loader.find(
            "vkGetPhysicalDeviceCalibrateableTimeDomainsEXT", instance,
            as: PFN_vkGetPhysicalDeviceCalibrateableTimeDomainsEXT.self)
        getCooperativeMatrixProperties = loader.find(
            "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR", instance,
            as: PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR.self)
        getFlexibleMatrixProperties = loader.find(
            "vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV", instance,
            as: PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV.self)
    }
}
