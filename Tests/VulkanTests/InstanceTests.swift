import PerceptVulkan
import Testing

@Suite struct InstanceTests {
    @Test func aMissingLoaderIsNamed() {
        let names = ["libno-such-vulkan.so.1"]
        #expect(throws: VulkanSetupError.loaderMissing(tried: names)) {
            try Instance(loaderNames: names, onMessage: { _ in })
        }
    }

    @Test func errorsNameTheConstantAndTheCall() {
        let error = VulkanError(code: VulkanError.outOfDeviceMemory, call: "vkAllocateMemory")
        #expect(error.description == "vkAllocateMemory failed: VK_ERROR_OUT_OF_DEVICE_MEMORY (-2)")
        #expect(error.isOutOfMemory && !error.isDeviceLost)
        #expect(VulkanError(code: VulkanError.deviceLost, call: "vkQueueSubmit2").isDeviceLost)
    }

    @Test(.enabled(if: SharedDevice.isPresent)) func devicesDescribeThemselves() throws {
        let devices = try Instance(onMessage: { _ in }).physicalDevices()
        #expect(devices.map(\.index) == Array(devices.indices))
        for device in devices {
            #expect(!device.name.isEmpty && device.uuid.count == 32)
            #expect(!device.memoryHeaps.isEmpty)
            #expect(device.memoryTypes.allSatisfy { device.memoryHeaps.indices.contains($0.heap) })
            #expect(device.limits.subgroupSize.nonzeroBitCount == 1)
            #expect(device.features.names.count == device.features.rawValue.nonzeroBitCount)
        }
    }

    @Test func whatIsMissingHasAName() {
        var device = PhysicalDevice(index: 0, name: "Old", kind: .discrete, uuid: "")
        device.apiVersion = Version(1, 1, 5)
        device.limits.maxPushConstantsSize = 64
        device.features = [.timelineSemaphore, .scalarBlockLayout]
        #expect(
            device.missingBaseline == [
                "Vulkan 1.2 (it has 1.1.5)", "a compute queue", "128 bytes of push constants", "bufferDeviceAddress",
                "synchronization2",
            ])
    }

    @Test(arguments: [
        ("llvmpipe", Version(26, 2, 6), PhysicalDevice.Kind.cpu, true), ("llvmpipe", Version(27, 0), .cpu, true),
        ("llvmpipe", Version(25, 0, 7), .cpu, false), ("llvmpipe", Version(0, 0, 1), .cpu, false),
        ("SwiftShader driver", Version(26, 2), .cpu, false), ("radv", Version(26, 2, 6), .discrete, false),
    ])
    func uniformReads(driver: String, version: Version, kind: PhysicalDevice.Kind, once: Bool) {
        var device = PhysicalDevice(index: 0, name: "", kind: kind, uuid: "")
        device.driverName = driver
        device.driverVersion = version.major << 22 | version.minor << 12 | version.patch
        #expect(device.readsUniformsOnce == once)
    }

    @Test func memoryTypesByUse() {
        var device = PhysicalDevice(index: 0, name: "Card", kind: .discrete, uuid: "")
        device.memoryHeaps = [
            MemoryHeap(size: 16 << 30, isDeviceLocal: true), MemoryHeap(size: 64 << 30, isDeviceLocal: false),
            MemoryHeap(size: 256 << 20, isDeviceLocal: true),
        ]
        device.memoryTypes = [
            MemoryType(heap: 0, properties: .deviceLocal),
            MemoryType(heap: 1, properties: [.hostVisible, .hostCoherent]),
            MemoryType(heap: 1, properties: [.hostVisible, .hostCoherent, .hostCached]),
            MemoryType(heap: 2, properties: [.deviceLocal, .hostVisible, .hostCoherent]),
        ]
        #expect(device.memoryTypes(for: .device) == [0, 3])
        #expect(device.memoryTypes(for: .upload) == [1, 2, 3])
        #expect(device.memoryTypes(for: .readback).first == 2)
        #expect(!device.isUnifiedMemory)
        // With resizable BAR the window is the whole memory.
        device.memoryTypes[3].heap = 0
        #expect(device.memoryTypes(for: .upload).first == 3)
    }
}
