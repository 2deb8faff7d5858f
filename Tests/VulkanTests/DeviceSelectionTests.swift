import PerceptVulkan
import Testing

@Suite struct DeviceSelectionTests {
    private func device(
        _ index: Int, _ name: String, _ kind: PhysicalDevice.Kind, gibibytes: UInt64 = 8, usable: Bool = true
    ) -> PhysicalDevice {
        var device = PhysicalDevice(index: index, name: name, kind: kind, uuid: "\(index)".leftPadded(32, with: "a"))
        device.features = usable ? .baseline : []
        device.computeQueueFamily = 0
        device.memoryHeaps = [MemoryHeap(size: gibibytes << 30, isDeviceLocal: true)]
        return device
    }

    @Test func prefersGPUsThenMemory() throws {
        let devices = [
            device(0, "llvmpipe", .cpu, gibibytes: 512), device(1, "Iris", .integrated, gibibytes: 64),
            device(2, "Arc", .discrete, gibibytes: 12), device(3, "Radeon", .discrete, gibibytes: 24),
            device(4, "GeForce", .discrete, gibibytes: 24), device(5, "Virtio", .virtual),
        ]
        #expect(try DeviceSelection.choose(from: devices).index == 3)
        #expect(try DeviceSelection.choose(from: [devices[0], devices[5]]).index == 5)
        #expect(try DeviceSelection.choose(from: [devices[0], devices[1], devices[5]]).index == 1)
        #expect(try DeviceSelection.choose(from: [devices[0]]).index == 0)
    }

    @Test func anUnusableGPUIsPassedOver() throws {
        let devices = [device(0, "Old", .discrete, usable: false), device(1, "llvmpipe", .cpu)]
        #expect(try DeviceSelection.choose(from: devices).index == 1)
        #expect(try DeviceSelection.choose(from: devices, request: "old").index == 0)
        #expect(throws: VulkanSetupError.missingFeatures(device: "Old", DeviceFeatures.baseline.names)) {
            try DeviceSelection.choose(from: [devices[0]])
        }
    }

    @Test func answersToIndexUUIDAndName() throws {
        let devices = [
            device(0, "NVIDIA H200", .discrete), device(1, "NVIDIA H100", .discrete), device(7, "Arc", .cpu),
        ]
        #expect(try DeviceSelection.choose(from: devices, request: "7").index == 7)
        #expect(try DeviceSelection.choose(from: devices, request: "h100").index == 1)
        #expect(try DeviceSelection.choose(from: devices, request: devices[1].uuid.uppercased()).index == 1)
        let list = ["0: NVIDIA H200", "1: NVIDIA H100", "7: Arc"]
        #expect(throws: VulkanSetupError.ambiguousDevice(request: "nvidia", matching: Array(list[..<2]))) {
            try DeviceSelection.choose(from: devices, request: "nvidia")
        }
        for request in ["9", "", "-1", "Radeon"] {
            #expect(throws: VulkanSetupError.deviceNotFound(request: request, available: list)) {
                try DeviceSelection.choose(from: devices, request: request)
            }
        }
        #expect(throws: VulkanSetupError.noDevices) { try DeviceSelection.choose(from: []) }
    }
}

extension String {
    fileprivate func leftPadded(_ count: Int, with character: Character) -> String {
        String(repeating: character, count: max(0, count - self.count)) + self
    }
}
