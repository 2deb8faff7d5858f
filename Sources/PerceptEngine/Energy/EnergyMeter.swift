import Foundation

/// Energy that work on a device takes, from whatever counts it there.
package struct EnergyMeter: Sendable {
    /// Joules since the start; nil where they could not be read. It is called once.
    package typealias Count = () -> Double?

    /// What is counted, and by what.
    package let name: String
    private let begin: @Sendable () -> Count?

    /// - Parameter begin: starts counting; nil where that fails.
    init(_ name: String, begin: @escaping @Sendable () -> Count?) {
        self.name = name
        self.begin = begin
    }

    /// A CPU driver's and an integrated GPU's energy is the processor's; another GPU's is its board's, by NVIDIA's
    /// management library or the kernel's sensors.
    ///
    /// - Parameters:
    ///   - device: as `DeviceDescription` of the library calls its kind.
    ///   - pciAddress: where it is on the bus, such as `0000:03:00.0`; nil where that is not known.
    /// - Returns: nil where nothing can be read.
    package init?(of device: String, pciAddress: String?) {
        let meter: EnergyMeter? =
            switch device {
            case "cpu": .processor()
            case "integrated": .processor() ?? pciAddress.flatMap { .sensors(pciAddress: $0) }
            default: pciAddress.flatMap { .nvidia(pciAddress: $0) ?? .sensors(pciAddress: $0) }
            }
        guard let meter else { return nil }
        self = meter
    }

    /// Starts counting.
    ///
    /// - Returns: nil where the counter cannot be read any longer.
    package func start() -> Count? { begin() }

    /// A number alone in a file, as Linux shows its counters.
    static func number(_ file: URL) -> Double? {
        (try? String(contentsOf: file, encoding: .utf8)).flatMap {
            Double($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }

    /// Of runs together; nil unless all are known.
    package static func sum(_ runs: [Double?]) -> Double? {
        let known = runs.compactMap { $0 }
        return known.count == runs.count ? known.reduce(0, +) : nil
    }

    static func contents(of folder: URL) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted()
    }
}
