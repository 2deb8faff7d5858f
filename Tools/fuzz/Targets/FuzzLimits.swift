import Foundation

/// What one input may take.
package struct FuzzLimits: Sendable {
    /// Processor time of all threads, in seconds: a machine that is busy with other work changes it little.
    package var seconds: Double
    /// Growth of the largest resident size, in bytes.
    package var memory: Int

    /// What is promised for a file under 1 MiB.
    package static let plain = FuzzLimits(seconds: 5, memory: 512 << 20)

    /// The sanitizer multiplies time, and libFuzzer watches memory by itself.
    package static let sanitized = FuzzLimits(seconds: 15, memory: .max)
}

/// What the process had used when an input began.
struct ResourceUse {
    private let seconds = Self.processorSeconds()
    private let memory = Self.largestResidentSize()

    func check(_ limits: FuzzLimits, target: String) {
        let seconds = Self.processorSeconds() - seconds
        require(seconds <= limits.seconds, "\(target) took \(seconds) s")
        let memory = Self.largestResidentSize() - memory
        require(memory <= limits.memory || Exemption.isGranted, "\(target) took \(memory >> 20) MiB")
        Exemption.isGranted = false
    }

    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }

    private static func largestResidentSize() -> Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss << 10
    }
}

/// Pictures of more than 64 megapixels may take more memory.
enum Exemption {
    /// Inputs are run one at a time, from one thread.
    nonisolated(unsafe) static var isGranted = false
}
