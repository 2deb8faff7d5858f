import CPerceptVulkan

/// A Vulkan instance: the loader, the drivers it found, and where their messages go.
package final class Instance: Sendable {
    let handle: Handle
    let functions: InstanceFunctions
    let faults: FaultInjection
    /// Debug utils are there: objects and commands carry labels.
    let hasDebugUtils: Bool

    private let sink: MessageSink
    private let messenger: Handle?

    package static let standardLoaderNames = ["libvulkan.so.1", "libvulkan.so"]
    private static let validationLayer = "VK_LAYER_KHRONOS_validation"

    /// - Parameters:
    ///   - validation: turns on core and synchronisation validation; an error where the layer is not installed.
    ///   - loaderNames: shared libraries to try, in order.
    ///   - onMessage: receives warnings and errors, on the thread of the call that causes them.
    package init(
        validation: Bool = false, faults: FaultInjection = FaultInjection(),
        loaderNames: [String] = Instance.standardLoaderNames,
        onMessage: @escaping @Sendable (ValidationMessage) -> Void
    ) throws(VulkanSetupError) {
        let loader = try Loader(names: loaderNames)
        let version = try loader.apiVersion(faults)
        guard version >= Version(1, 2) else { throw .loaderTooOld(version: version.description) }
        if validation, !(try loader.layers(faults).contains(Self.validationLayer)) { throw .validationLayerMissing }

        let layer = validation ? Self.validationLayer : nil
        let sink = MessageSink(onMessage)
        let (handle, hasDebugUtils) = try LoadedLibraries.keeping { () throws(VulkanSetupError) in
            let offered = try loader.extensions(of: layer, faults)
            let hasDebugUtils = offered.contains(VK_EXT_DEBUG_UTILS_EXTENSION_NAME)
            let handle = try Self.create(
                loader, faults, layer: layer, debugUtils: hasDebugUtils ? sink.createInfo : nil,
                synchronisation: offered.contains(VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME))
            return (handle, hasDebugUtils)
        }

        let functions: InstanceFunctions
        do {
            functions = try InstanceFunctions(loader, handle)
        } catch {
            // Without its table the instance can still be destroyed, provided that much is there.
            if let destroy = loader.find("vkDestroyInstance", handle, as: PFN_vkDestroyInstance.self) {
                destroy(handle.raw, nil)
                faults.destroyed()
            }
            throw error
        }

        var messenger: Handle?
        if hasDebugUtils, let createMessenger = functions.createMessenger {
            var info = sink.createInfo
            do throws(VulkanError) {
                messenger = try faults.create("vkCreateDebugUtilsMessengerEXT") {
                    createMessenger(handle.raw, &info, nil, $0)
                }
            } catch {
                functions.destroyInstance(handle.raw, nil)
                faults.destroyed()
                throw .failed(error)
            }
        }
        self.handle = handle
        self.functions = functions
        self.faults = faults
        self.hasDebugUtils = hasDebugUtils
        self.sink = sink
        self.messenger = messenger
    }

    deinit {
        if let messenger, let destroyMessenger = functions.destroyMessenger {
            destroyMessenger(handle.raw, messenger.raw, nil)
            faults.destroyed()
        }
        functions.destroyInstance(handle.raw, nil)
        faults.destroyed()
    }

    /// The layers installed on this machine; empty where there is no loader.
    package static var layersAvailable: [String] {
        guard let loader = try? Loader(names: standardLoaderNames), let layers = try? loader.layers(FaultInjection())
        else { return [] }
        return layers
    }

    /// The installed layers include the one that `validation` needs.
    package static var canValidate: Bool { layersAvailable.contains(validationLayer) }

    private static func create(
        _ loader: Loader, _ faults: FaultInjection, layer: String?, debugUtils: VkDebugUtilsMessengerCreateInfoEXT?,
        synchronisation: Bool
    ) throws(VulkanSetupError) -> Handle {
        let createInstance: PFN_vkCreateInstance = try loader.require("vkCreateInstance", nil)
        var chain = StructChain()
        var extensions: [String] = []
        if let debugUtils {
            extensions.append(VK_EXT_DEBUG_UTILS_EXTENSION_NAME)
            // Also in the chain, so that messages about creating and destroying the instance arrive.
            chain.append(debugUtils)
        }
        let enables = [VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT]
        return try enables.withUnsafeBufferPointer { enables throws(VulkanSetupError) in
            if layer != nil, synchronisation {
                extensions.append(VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME)
                var features = VkValidationFeaturesEXT()
                features.sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT
                features.enabledValidationFeatureCount = UInt32(enables.count)
                features.pEnabledValidationFeatures = enables.baseAddress
                chain.append(features)
            }
            let layerNames = CStrings(layer.map { [$0] } ?? [])
            let extensionNames = CStrings(extensions)
            var application = VkApplicationInfo()
            application.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO
            application.apiVersion = Version(1, 3).packed
            return try withUnsafePointer(to: application) { application throws(VulkanSetupError) in
                var info = VkInstanceCreateInfo()
                info.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO
                info.pNext = UnsafeRawPointer(chain.head)
                info.pApplicationInfo = application
                info.enabledLayerCount = layerNames.count
                info.ppEnabledLayerNames = layerNames.pointer
                info.enabledExtensionCount = extensionNames.count
                info.ppEnabledExtensionNames = extensionNames.pointer
                do throws(VulkanError) {
                    return try faults.create("vkCreateInstance") { createInstance(&info, nil, $0) }
                } catch {
                    throw error.code == VK_ERROR_INCOMPATIBLE_DRIVER.rawValue ? .noDriver : .failed(error)
                }
            }
        }
    }
}

extension Loader {
    func apiVersion(_ faults: FaultInjection) throws(VulkanSetupError) -> Version {
        let enumerateVersion = find(
            "vkEnumerateInstanceVersion", nil, as: PFN_vkEnumerateInstanceVersion.self)
        // A loader of Vulkan 1.0 has no such function.
        guard let enumerateVersion else { return Version(1, 0) }
        var packed: UInt32 = 0
        do { try faults.check("vkEnumerateInstanceVersion") { enumerateVersion(&packed) } } catch {
            throw .failed(error)
        }
        return Version(packed: packed)
    }

    func layers(_ faults: FaultInjection) throws(VulkanSetupError) -> [String] {
        let enumerateLayers: PFN_vkEnumerateInstanceLayerProperties = try require(
            "vkEnumerateInstanceLayerProperties", nil)
        do throws(VulkanError) {
            return try faults.enumerate("vkEnumerateInstanceLayerProperties", of: VkLayerProperties()) {
                enumerateLayers($0, $1)
            }.map { String(cBytes: $0.layerName) }
        } catch { throw .failed(error) }
    }

    /// Instance extensions of the drivers and of `layer`.
    func extensions(of layer: String?, _ faults: FaultInjection) throws(VulkanSetupError) -> Set<String> {
        let enumerateExtensions: PFN_vkEnumerateInstanceExtensionProperties = try require(
            "vkEnumerateInstanceExtensionProperties", nil)
        var names: Set<String> = []
        for source in layer == nil ? [nil] : [nil, layer] {
            do throws(VulkanError) {
                let found = try faults.enumerate(
                    "vkEnumerateInstanceExtensionProperties", of: VkExtensionProperties()
                ) { enumerateExtensions(source, $0, $1) }
                names.formUnion(found.map { String(cBytes: $0.extensionName) })
            } catch { throw .failed(error) }
        }
        return names
    }
}
