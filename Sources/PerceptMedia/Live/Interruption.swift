import CPerceptMedia
import Synchronization

/// Ends FFmpeg's own waiting for bytes, when the source is to stop or when nothing has come for too long.
///
/// FFmpeg's network code asks about every 100 ms while it waits.
final class Interruption: Sendable {
    private let signal: StopSignal
    let patience: Duration
    /// Microseconds of `av_gettime_relative`.
    private let deadline = Atomic<Int64>(.max)

    init(_ signal: StopSignal, patience: Duration) {
        self.signal = signal
        self.patience = patience
        noteProgress()
    }

    /// Restarts the clock: something has come, or the wait only begins now.
    func noteProgress() {
        deadline.store(
            av_gettime_relative() + Int64(patience.inSeconds * 1e6), ordering: .relaxed)
    }

    /// True when what FFmpeg waits for takes longer than allowed.
    var isOverdue: Bool { av_gettime_relative() > deadline.load(ordering: .relaxed) }

    /// Held unretained by FFmpeg: whoever sets it keeps this object while the context lives.
    var callback: AVIOInterruptCB {
        AVIOInterruptCB(
            callback: { opaque in
                let interruption = Unmanaged<Interruption>.fromOpaque(opaque!).takeUnretainedValue()
                return interruption.signal.isStopped || interruption.isOverdue ? 1 : 0
            }, opaque: Unmanaged.passUnretained(self).toOpaque())
    }
}
