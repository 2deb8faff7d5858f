package import Foundation

/// Energy that the processor's packages have taken, as Linux counts it (powercap, RAPL). Many machines let only root
/// read it, and virtual ones have none.
package struct EnergyCounter {
    private struct Package {
        let counter: URL
        /// Microjoules after which the counter starts anew.
        let range: Double
    }
    private let packages: [Package]

    /// - Returns: nil where nothing can be read.
    package init?(directory: URL = URL(filePath: "/sys/class/powercap")) {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory.path)) ?? []
        // `intel-rapl:0` is a package, on AMD too, `intel-rapl:0:0` a part of it.
        packages = names.filter { $0.hasPrefix("intel-rapl:") && $0.split(separator: ":").count == 2 }.compactMap {
            let folder = directory.appending(path: $0)
            let counter = folder.appending(path: "energy_uj")
            guard Self.number(counter) != nil, let range = Self.number(folder.appending(path: "max_energy_range_uj"))
            else { return nil }
            return Package(counter: counter, range: range)
        }
        if packages.isEmpty { return nil }
    }

    /// Readings to start from.
    package func read() -> [Double]? {
        let values = packages.compactMap { Self.number($0.counter) }
        return values.count == packages.count ? values : nil
    }

    /// Joules since `start`, which is less than one round of each counter ago.
    package func joules(since start: [Double]) -> Double? {
        guard let now = read() else { return nil }
        return zip(packages, zip(start, now)).reduce(0) { sum, part in
            let (package, (start, now)) = part
            return sum + (now >= start ? now - start : now + package.range - start) * 1e-6
        }
    }

    private static func number(_ file: URL) -> Double? {
        (try? String(contentsOf: file, encoding: .utf8)).flatMap {
            Double($0.trimmingCharacters(in: .whitespacesAndNewlines))
        }
    }
}
