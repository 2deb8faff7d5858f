package import Foundation

extension EnergyMeter {
    /// Energy that the processor's packages take, as Linux counts it (powercap, RAPL). Many machines let only root read
    /// it, and virtual ones have none.
    package static func processor(folder: URL = URL(filePath: "/sys/class/powercap")) -> EnergyMeter? {
        // `intel-rapl:0` is a package, on AMD too, `intel-rapl:0:0` a part of it.
        let packages = contents(of: folder).filter {
            $0.hasPrefix("intel-rapl:") && $0.split(separator: ":").count == 2
        }.compactMap { ProcessorPackage(folder.appending(path: $0)) }
        if packages.isEmpty { return nil }
        return EnergyMeter("the processor's packages (RAPL)") {
            let starts = packages.map { $0.read() }
            return {
                var sum = 0.0
                for (package, start) in zip(packages, starts) {
                    guard let start, let end = package.read() else { return nil }
                    // Less than one round of the counter is measured.
                    sum += end >= start ? end - start : end + package.range - start
                }
                return sum * 1e-6
            }
        }
    }
}

private struct ProcessorPackage: Sendable {
    let counter: URL
    /// Microjoules after which the counter starts anew.
    let range: Double

    init?(_ folder: URL) {
        counter = folder.appending(path: "energy_uj")
        guard EnergyMeter.number(counter) != nil,
            let range = EnergyMeter.number(folder.appending(path: "max_energy_range_uj"))
        else { return nil }
        self.range = range
    }

    /// In microjoules.
    func read() -> Double? { EnergyMeter.number(counter) }
}
