public import Foundation
import PerceptGraph
import PerceptRuntime

/// What of earlier measurements serves on an opened device.
public struct TuningState: Sendable, Hashable {
    /// Shapes that a kernel was measured for.
    public let shapes: Int
    /// When the latest was measured; nil where none was.
    public let date: Date?
    /// Shapes whose measurement is of no use any more, because a kernel has changed since.
    public let stale: Int
    /// Why what was kept could not be read; nil where it could.
    public let fault: String?
}

extension GPU {
    /// What earlier tuning this device was opened with.
    public var tuning: TuningState {
        let file = runtime.tuning
        return TuningState(
            shapes: file.entries.count, date: file.entries.map(\.date).max(), stale: file.staleCount, fault: file.fault)
    }

    /// The family of devices whose defaults apply where nothing was measured.
    package var family: String { runtime.profile.family.rawValue }
}
