import PerceptVulkan

/// One run of a program with the times of its commands, and what the host did for it, on one clock.
package struct TimedRun: Sendable {
    package let times: RunTimes
    /// `HostClock` at the first timestamp, in nanoseconds.
    package let deviceStart: Double
    /// How far that may be off, in nanoseconds.
    package let deviation: UInt64
    /// The submission and the wait.
    package let host: [HostSpan]
}

extension Program {
    /// Runs once and reads the times.
    ///
    /// - Throws: `RuntimeError.noTimestamps` on a device without them.
    package func timedRun(on gpu: OpenDevice) throws -> TimedRun {
        let (submit, submission) = try HostSpan.measure("submit") { try self.submit() }
        let (waiting, ()) = try HostSpan.measure("wait") { try wait(for: submission) }
        guard let times = try runTimes(), let clocks = try gpu.device.calibrateClocks() else {
            throw RuntimeError.noTimestamps
        }
        return TimedRun(
            times: times, deviceStart: clocks.hostTime(of: times.firstTicks), deviation: clocks.deviation,
            host: [submit, waiting])
    }
}
