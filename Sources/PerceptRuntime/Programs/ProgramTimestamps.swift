package import PerceptGraph
import PerceptVulkan

/// Which times a program takes of its runs.
package enum ProgramTiming: Hashable, Sendable {
    /// Of the run as a whole.
    case run
    /// Also of each submission, and behind each command: commands run as they always do, and may overlap.
    case concurrent
    /// Of each command by itself, behind a barrier against all that was before.
    case serialised
}

/// When the commands of one run started and ended, in nanoseconds after its first timestamp.
package struct RunTimes: Sendable {
    package struct Span: Sendable {
        package let command: Plan.Command
        package let start: Double
        package let end: Double

        package var time: Double { end - start }
    }
    /// Empty for `ProgramTiming.run`.
    package let spans: [Span]
    /// Start and end of each submission; empty for `ProgramTiming.run`.
    package let pieces: [(start: Double, end: Double)]
    /// The last timestamp.
    package let total: Double
    /// The first timestamp, in ticks of the device.
    package let firstTicks: UInt64
}

/// What the host did, on `HostClock`.
package struct HostSpan: Hashable, Sendable {
    package let name: String
    package let start: UInt64
    package let end: UInt64

    package var time: Duration { .nanoseconds(Int64(end - start)) }

    package static func measure<T>(_ name: String, _ body: () throws -> T) rethrows -> (span: HostSpan, result: T) {
        let start = HostClock.now
        let result = try body()
        return (HostSpan(name: name, start: start, end: HostClock.now), result)
    }
}

/// The timestamps that a program writes as it is recorded, and what lies between them.
struct ProgramTimestamps {
    private let pool: TimestampPool
    private let timing: ProgramTiming
    /// Timestamps recorded so far; the last one is that of the run's end.
    private var count = 0
    private var commands: [(command: Plan.Command, begin: Int, end: Int)] = []
    private var pieces: [(begin: Int, end: Int)] = []

    /// - Returns: nil for devices without timestamps.
    init?(for plan: Plan, _ timing: ProgramTiming, on device: Device) throws(VulkanError) {
        guard device.physical.limits.timestampValidBits > 0 else { return nil }
        let lists = plan.commands
        let most = timing == .run ? 2 : lists.reduce(0) { $0 + 2 + 2 * $1.count }
        pool = try TimestampPool(on: device, count: most)
        self.timing = timing
    }

    private mutating func write(in commands: CommandBuffer) -> Int {
        commands.writeTimestamp(count, in: pool)
        defer { count += 1 }
        return count
    }

    mutating func openPiece(in commands: CommandBuffer) {
        let isFirst = count == 0
        if isFirst { commands.resetTimestamps(pool) }
        guard isFirst || timing != .run else { return }
        let begin = write(in: commands)
        pieces.append((begin, begin))
    }

    mutating func closePiece(in commands: CommandBuffer, isLast: Bool) {
        guard isLast || timing != .run else { return }
        pieces[pieces.count - 1].end = write(in: commands)
    }

    /// Ahead of a dispatch or a copy.
    mutating func begin(in commands: CommandBuffer) {
        guard timing == .serialised else { return }
        commands.barrier(from: [.compute, .transfer], to: [.compute, .transfer])
        _ = write(in: commands)
    }

    /// Behind it.
    mutating func end(_ command: Plan.Command, in commands: CommandBuffer) {
        guard timing != .run else { return }
        // Without a timestamp of its own, a command starts where the one before has ended.
        let begin = count - 1
        self.commands.append((command, begin, write(in: commands)))
    }

    /// Nanoseconds of the last run, which has been waited for; nil where the driver has not written them.
    func total() throws(VulkanError) -> Double? { try pool.nanoseconds(from: 0, to: count - 1) }

    /// The times of the last run, which has been waited for; nil where the driver has not written them.
    func read() throws(VulkanError) -> RunTimes? {
        let times = try pool.nanoseconds()[..<count]
        guard let first = try pool.ticks()[0], times.allSatisfy({ $0 != nil }) else { return nil }
        func time(_ index: Int) -> Double { times[index] ?? 0 }
        return RunTimes(
            spans: commands.map { .init(command: $0.command, start: time($0.begin), end: time($0.end)) },
            pieces: timing == .run ? [] : pieces.map { (time($0.begin), time($0.end)) }, total: time(count - 1),
            firstTicks: first)
    }
}
