import Foundation
import PerceptFiles
package import PerceptGraph
import PerceptNumbers
package import PerceptShaders
import PerceptVulkan

/// Tries the kernels for a device's matrix units before anything depends on them: once for each device, driver and
/// build, then kept on disk.
///
/// Some drivers offer matrices that they emulate, slower than the portable kernels, and some compute wrongly.
package enum MatrixTrial {
    /// By the kernel's name.
    package typealias Verdicts = [String: MatrixVerdict]

    /// Verdicts from the cache, else from a trial.
    ///
    /// - Parameter flopsPerSecond: what the portable product has shown.
    static func verdicts(of units: MatrixUnits, on gpu: OpenDevice, flopsPerSecond: Double) -> Verdicts {
        let file = gpu.cacheDirectory?.appending(path: gpu.device.physical.cacheFileName("matrix"))
        let kernels = units.kernels.sorted { $0.name < $1.name }
        let build = ShaderSource.fingerprint(kernels)
        if let file, let data = try? Data(contentsOf: file),
            let record = try? JSONDecoder().decode(Record.self, from: data), record.build == build
        {
            return record.verdicts
        }
        var portable = gpu.profile
        portable.flopsPerSecond = flopsPerSecond
        var verdicts: Verdicts = [:]
        for type in StorageType.allCases {
            // A product is quickly tried, and emulated units are slow at everything.
            guard let product = MatrixTile.kernel(type), kernels.contains(product) else { continue }
            let verdict = verdict(product, units, portable, gpu)
            verdicts[product.name] = verdict
            for kernel in kernels where kernel != product && elements(of: kernel) == type {
                verdicts[kernel.name] = verdict.isUsed ? Self.verdict(kernel, units, portable, gpu) : .untried
            }
        }
        if let file, let folder = gpu.cacheDirectory {
            // What cannot be kept is tried again next time.
            try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            if let json = try? JSONEncoder().encode(Record(build: build, verdicts: verdicts)) {
                try? NewFile.write([UInt8](json), to: file.path, as: .cache)
            }
        }
        return verdicts
    }

    private struct Record: Codable {
        let build: UInt64
        let verdicts: Verdicts
    }

    private static func elements(of kernel: Kernel) -> StorageType {
        kernel.requires.contains(.bfloat16Matrix) ? .bf16 : .f16
    }

    private static func trial(of kernel: Kernel) -> any Trial.Type {
        kernel.push.contains { $0.name == "keys" } ? TrialAttention.self : TrialProduct.self
    }

    /// Speed first: what is slow need not be right.
    private static func verdict(
        _ kernel: Kernel, _ units: MatrixUnits, _ portable: DeviceProfile, _ gpu: OpenDevice
    ) -> MatrixVerdict {
        do {
            var alone = units
            alone.kernels = [kernel]
            let matrix = portable.using(alone)
            // About ten milliseconds of the portable product.
            let sample = trial(of: kernel).sample(
                of: kernel, elements(of: kernel), flops: portable.flopsPerSecond * 0.01)
            let times = try sample.bestTime(on: portable, gpu) / sample.bestTime(on: matrix, gpu)
            guard times > 1 else { return .slower(times: times) }
            if let error = try fault(of: kernel, on: matrix, gpu) { return .wrong(error: error) }
            return .faster(times: times)
        } catch {
            return .failed(reason: "\(error)")
        }
    }

    /// What is wrong with a kernel's results, in any cut that it may have unless tuned, as a part of the largest element; nil if
    /// nothing is.
    ///
    /// - Parameter profile: the device's, with the kernel among those of its matrix units.
    package static func fault(of kernel: Kernel, on profile: DeviceProfile, _ gpu: OpenDevice) throws -> Double? {
        for check in trial(of: kernel).checks(of: kernel, elements(of: kernel)) {
            let operands = try check.operands(on: gpu)
            guard let shape = TunableUse.all(in: [check.graph], on: profile).first?.shape else { continue }
            for candidate in shape.ruled(for: profile) where candidate.kernel == kernel {
                let error = try check.error(
                    of: check.program(on: profile.choosing(candidate, for: shape), gpu, operands))
                guard error <= check.bound else { return error }
            }
        }
        return nil
    }
}
