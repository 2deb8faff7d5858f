package import Foundation
package import PerceptGraph
import PerceptShaders
package import PerceptVulkan

/// An opened device with what programs are made from: its thread, its pipelines and what planning knows of it.
///
/// Nothing here runs by itself. Programs are recorded and handed in on `thread`, piece by piece as `turns` come.
package final class OpenDevice: Sendable {
    package let device: Device
    package let thread: ExecutorThread
    /// Who has the device next.
    package let turns: DeviceTurns
    package let profile: DeviceProfile
    /// Where pipelines and measured rates are kept between runs; nil keeps nothing.
    package let cacheDirectory: URL?
    /// What came of trying kernels for matrix units, by their names; empty where the device has none that they use.
    package let matrixVerdicts: [String: MatrixVerdict]
    /// What was measured to be fastest, and how that was read from the cache.
    package let tuning: TuningFile
    /// Models that can let go of recorded programs for one another.
    package let roomMakers = RoomMakers()

    private let pipelines: PipelineStore

    private init(
        _ device: Device, _ thread: ExecutorThread, _ turns: DeviceTurns, _ pipelines: PipelineStore,
        cacheDirectory: URL?, flopsPerSecond: Double?, matrixVerdicts: [String: MatrixVerdict], tuning: TuningFile
    ) {
        self.device = device
        self.thread = thread
        self.turns = turns
        self.pipelines = pipelines
        self.cacheDirectory = cacheDirectory
        self.matrixVerdicts = matrixVerdicts
        self.tuning = tuning
        var profile = DeviceProfile(device.physical, flopsPerSecond: flopsPerSecond)
        profile.tuning = tuning.table
        if var units = MatrixUnits(device.physical) {
            units.kernels = units.kernels.filter { matrixVerdicts[$0.name]?.isUsed == true }
            self.profile = units.kernels.isEmpty ? profile : profile.using(units)
        } else {
            self.profile = profile
        }
    }

    /// - Parameters:
    ///   - matrixVerdicts: kernels for matrix units that did well serve.
    ///   - tuning: kernels that are chosen for shapes, where they serve.
    ///   - replacesKernels: runs an empty kernel in place of each: what remains is the host's share of a run.
    package convenience init(
        _ device: Device, cacheDirectory: URL? = nil, flopsPerSecond: Double? = nil,
        matrixVerdicts: [String: MatrixVerdict] = [:], tuning: TuningFile = TuningFile(),
        replacesKernels: Bool = false
    ) throws {
        self.init(
            device, try ExecutorThread(name: "percept.device"), try DeviceTurns(device.queue),
            try PipelineStore(on: device, directory: cacheDirectory, replacesKernels: replacesKernels),
            cacheDirectory: cacheDirectory, flopsPerSecond: flopsPerSecond, matrixVerdicts: matrixVerdicts,
            tuning: tuning)
    }

    /// The same device, on the same thread and with the same pipelines, with what has been found out of it.
    convenience init(
        _ known: OpenDevice, flopsPerSecond: Double, matrixVerdicts: [String: MatrixVerdict], tuning: TuningFile
    ) {
        self.init(
            known.device, known.thread, known.turns, known.pipelines, cacheDirectory: known.cacheDirectory,
            flopsPerSecond: flopsPerSecond, matrixVerdicts: matrixVerdicts, tuning: tuning)
    }

    /// The pipeline of a dispatch, made on first use.
    package func pipeline(for dispatch: Dispatch) throws -> ShaderPipeline { try pipelines.pipeline(for: dispatch) }

    /// A dispatch's kernel, compiled anew with what the driver keeps of it; nothing is kept by a driver that does not tell.
    package func compile(_ dispatch: Dispatch, capturing captures: PipelineCaptures) throws -> ShaderPipeline {
        let tells = device.physical.features.contains(.pipelineExecutableProperties)
        return try pipelines.compile(dispatch, capturing: tells ? captures : [])
    }

    /// What the driver says of a dispatch's compiled kernel; nil where it says nothing. The kernel is compiled for it.
    func statistics(of dispatch: Dispatch) throws -> PipelineStatistics? {
        guard device.physical.features.contains(.pipelineExecutableProperties) else { return nil }
        let statistics = try compile(dispatch, capturing: .statistics).statistics()
        return statistics.values.isEmpty ? nil : statistics
    }

    /// Keeps the pipelines made so far for the next process, if any were made since the last time.
    ///
    /// - Returns: why they could not be kept.
    package func keepPipelines() -> (any Error)? { pipelines.keep() }
}
