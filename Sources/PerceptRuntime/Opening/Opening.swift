package import Foundation
import PerceptGraph
package import PerceptVulkan

extension OpenDevice {
    /// Opens a device for programs, with the rate it has shown, its matrix units if they have shown to serve, and the kernels
    /// that were measured to be fastest.
    package static func open(_ device: Device, cacheDirectory: URL?) throws -> OpenDevice {
        let untried = try OpenDevice(device, cacheDirectory: cacheDirectory)
        let rate = try MeasuredRate.flopsPerSecond(of: untried)
        let verdicts = MatrixUnits(device.physical).map {
            MatrixTrial.verdicts(of: $0, on: untried, flopsPerSecond: rate)
        }
        return OpenDevice(
            untried, flopsPerSecond: rate, matrixVerdicts: verdicts ?? [:],
            tuning: TuningFile(of: device.physical, in: cacheDirectory))
    }
}
