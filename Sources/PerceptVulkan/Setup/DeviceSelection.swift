/// Which device to use, decided on values.
package enum DeviceSelection {
    /// The device that answers to `request`, or the best one when that is nil.
    ///
    /// A request is a position in the list, a UUID (dashes and case do not matter), or a part of a name in any case. Without
    /// one, discrete comes before integrated, virtual, other and CPU; among equals the larger device-local memory wins.
    /// Devices that lack the baseline are chosen only when asked for, so that opening them tells what they lack.
    package static func choose(
        from devices: [PhysicalDevice], request: String? = nil
    ) throws(VulkanSetupError) -> PhysicalDevice {
        guard !devices.isEmpty else { throw .noDevices }
        guard let request else { return try best(of: devices) }
        if let index = Int(request) {
            if let device = devices.first(where: { $0.index == index }) { return device }
        }
        let uuid = request.lowercased().filter { $0 != "-" }
        if let device = devices.first(where: { $0.uuid == uuid }) { return device }
        let word = request.lowercased()
        let named = word.isEmpty ? [] : devices.filter { $0.name.lowercased().contains(word) }
        guard let device = named.first else { throw .deviceNotFound(request: request, available: devices.map(\.entry)) }
        guard named.count == 1 else { throw .ambiguousDevice(request: request, matching: named.map(\.entry)) }
        return device
    }

    private static func best(of devices: [PhysicalDevice]) throws(VulkanSetupError) -> PhysicalDevice {
        let usable = devices.filter(\.missingBaseline.isEmpty)
        let order: [PhysicalDevice.Kind] = [.discrete, .integrated, .virtual, .other, .cpu]
        for kind in order {
            let candidates = usable.filter { $0.kind == kind }
            // `max` would prefer the last of equals.
            if let most = candidates.map(\.deviceLocalBytes).max(),
                let device = candidates.first(where: { $0.deviceLocalBytes == most })
            {
                return device
            }
        }
        throw .missingFeatures(device: devices[0].name, devices[0].missingBaseline)
    }
}

extension PhysicalDevice {
    /// How a device is listed in an error.
    fileprivate var entry: String { "\(index): \(name)" }
}
