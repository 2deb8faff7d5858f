package import Foundation

extension EnergyMeter {
    /// What the kernel's driver of a GPU counts (hwmon): energy with Intel's drivers, power with those of AMD and nouveau,
    /// which is read over and over and summed.
    ///
    /// - Parameter pciAddress: such as `0000:03:00.0`.
    package static func sensors(
        pciAddress: String, devices: URL = URL(filePath: "/sys/bus/pci/devices")
    ) -> EnergyMeter? {
        let parent = devices.appending(path: pciAddress).appending(path: "hwmon")
        let folders = contents(of: parent).map { parent.appending(path: $0) }
        // The first energy is the card's, where there are others of its parts.
        if let counter = folders.map({ $0.appending(path: "energy1_input") }).first(where: { number($0) != nil }) {
            return EnergyMeter("the board (hwmon)") {
                guard let start = number(counter) else { return nil }
                return { number(counter).map { ($0 - start) * 1e-6 } }
            }
        }
        let sensors = folders.flatMap { folder in
            ["power1_average", "power1_input"].map { folder.appending(path: $0) }
        }
        guard let sensor = sensors.first(where: { number($0) != nil }) else { return nil }
        return sampled("the board (hwmon, power read every \(PowerSum.interval))") { number(sensor).map { $0 * 1e-6 } }
    }

    /// Energy as the sum of power.
    ///
    /// - Parameter watts: what is taken now; nil where it can no longer be read.
    static func sampled(_ name: String, watts: @escaping @Sendable () -> Double?) -> EnergyMeter {
        EnergyMeter(name) {
            let sum = PowerSum(watts)
            return sum.end
        }
    }
}
