import Foundation
import PerceptFiles
package import PerceptNumbers
import PerceptVulkan

/// The most a device was seen to do in a second: what its kernels are compared with.
///
/// Measured by micro-benchmarks once for each device, driver and storage type, then kept on disk. What else the machine
/// does while they run makes them too low; the best of several runs is taken.
package struct DeviceRoofs: Hashable, Sendable {
    /// Bytes read and written by a copy from memory to memory.
    package var copy: Double
    /// f32 operations in registers, an addition and a multiplication counted as two.
    package var fma: Double
    /// Operations of a large matrix product with operands in the storage type: above `fma` where a product kernel
    /// reaches units that plain arithmetic does not.
    package var product: Double

    package init(copy: Double, fma: Double, product: Double) {
        self.copy = copy
        self.fma = fma
        self.product = product
    }

    /// From the cache, else measured now.
    ///
    /// - Parameter anew: measures in any case.
    package static func of(_ gpu: OpenDevice, _ storage: StorageType, anew: Bool = false) throws -> DeviceRoofs {
        let file = gpu.cacheDirectory?.appending(path: gpu.device.physical.cacheFileName("roofs", of: "\(storage)"))
        if !anew, let file, let text = try? String(contentsOf: file, encoding: .utf8), let roofs = DeviceRoofs(text) {
            return roofs
        }
        let roofs = DeviceRoofs(
            copy: try max(RoofMeasurement.copy(gpu), RoofMeasurement.bufferCopy(gpu)),
            fma: try RoofMeasurement.fma(gpu), product: try RoofMeasurement.product(gpu, storage))
        if let file, let folder = gpu.cacheDirectory {
            // Roofs that cannot be kept are measured again next time.
            try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try? NewFile.write(Array(roofs.text.utf8), to: file.path, as: .cache)
        }
        return roofs
    }

    /// A line for each rate.
    package var text: String { "copy \(copy)\nfma \(fma)\nproduct \(product)\n" }

    /// - Returns: nil for what `text` did not write.
    package init?(_ text: String) {
        var rates: [Substring: Double] = [:]
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            guard words.count == 2, let rate = Double(words[1]), rate.isFinite, rate > 0 else { return nil }
            rates[words[0]] = rate
        }
        guard let copy = rates["copy"], let fma = rates["fma"], let product = rates["product"] else { return nil }
        self.init(copy: copy, fma: fma, product: product)
    }
}
