import PerceptEngine
import PerceptGraph
import PerceptRuntime

extension Profile {
    /// A recorded program and one of its runs: that with the median total.
    public struct Stage: Sendable, Hashable {
        /// `vision`, `text`, `prefill` or `decode`.
        public let name: String
        /// What one run takes in: images, texts or tokens.
        public let units: Int
        /// Dispatches and copies, in order.
        public let entries: [Entry]
        /// The submissions.
        public let submissions: [Span]
        /// From the first to the last timestamp.
        public let total: Duration
        /// The totals of all runs, shortest first.
        public let totals: [Duration]
        /// Time of each kernel in every run, to tell a change from noise.
        public let kernelTimes: [String: [Duration]]
        /// Barriers between dispatches that the plan asks for.
        public let barriers: Int
        /// What the host did: pipelines and recording once, submission and wait for this run.
        public let host: [HostActivity]
        /// The first timestamp, on the host's monotonic clock: what puts stages on one time line.
        public let start: Duration
        /// How far the host's and the device's clock may be apart.
        public let clockDeviation: Duration

        package init(
            name: String, units: Int, entries: [Entry], submissions: [Span], total: Duration, totals: [Duration],
            kernelTimes: [String: [Duration]], barriers: Int, host: [HostActivity], start: Duration,
            clockDeviation: Duration
        ) {
            self.name = name
            self.units = units
            self.entries = entries
            self.submissions = submissions
            self.total = total
            self.totals = totals
            self.kernelTimes = kernelTimes
            self.barriers = barriers
            self.host = host
            self.start = start
            self.clockDeviation = clockDeviation
        }

        /// The median run of a stage.
        init(_ stage: TimedStage) {
            let run = stage.median
            var kernelTimes: [String: [Duration]] = [:]
            for run in stage.runs {
                let sums = Dictionary(grouping: stage.spans(run), by: { stage.kernel(of: $0.key) }).mapValues {
                    commands in
                    commands.flatMap(\.value).reduce(0) { $0 + $1.time }
                }
                for (kernel, sum) in sums { kernelTimes[kernel, default: []].append(.nanoseconds(sum)) }
            }
            // In the order in which they ran.
            let commands = stage.spans(run).sorted { $0.value[0].start < $1.value[0].start }
            self.init(
                name: stage.name, units: stage.units,
                entries: commands.map { Profile.Entry($0.key, $0.value, of: stage) },
                submissions: run.times.pieces.map {
                    .init(start: .nanoseconds($0.start), time: .nanoseconds($0.end - $0.start))
                },
                total: .nanoseconds(run.times.total), totals: stage.runs.map { .nanoseconds($0.times.total) },
                kernelTimes: kernelTimes, barriers: stage.program.plan.barrierCount,
                host: (stage.program.preparation + run.host).map { span in
                    let start = Duration.nanoseconds(Double(span.start) - run.deviceStart)
                    return Profile.HostActivity(name: span.name, span: .init(start: start, time: span.time))
                },
                start: .nanoseconds(run.deviceStart), clockDeviation: .nanoseconds(Int64(run.deviation)))
        }

        /// What lies between the entries: launches, barriers, and between submissions the host.
        public var gaps: Duration { total - entries.reduce(.zero) { $0 + $1.time } }

        /// Time of the host's activities of this name.
        public func hostTime(_ name: String) -> Duration {
            host.filter { $0.name == name }.reduce(.zero) { $0 + $1.span.time }
        }

        /// Entries whose start and end the device's clock does not tell apart.
        public var unresolved: Int { entries.count { !$0.isResolved } }
    }

    /// Entries summed up.
    public struct Row: Sendable, Hashable {
        /// The layer they share; empty in sums over layers.
        public let layer: String
        /// The kernel they share; empty in sums over kernels.
        public let kernel: String
        /// How many there are.
        public internal(set) var count = 0
        /// Their time on the device.
        public internal(set) var time = Duration.zero
        /// Their floating-point operations.
        public internal(set) var flops = 0.0
        /// The bytes they read and write at least.
        public internal(set) var bytes = 0.0

        init(layer: String, kernel: String) {
            self.layer = layer
            self.kernel = kernel
        }

        mutating func add(_ entry: Entry) {
            count += 1
            time += entry.time
            flops += entry.flops
            bytes += entry.bytes
        }
    }
}

extension Profile.Entry {
    /// A command with all its parts.
    fileprivate init(_ command: TimedStage.Command, _ spans: [RunTimes.Span], of stage: TimedStage) {
        let (label, work) = stage.labelAndWork(of: command)
        // `blocks.3` is a layer, and so is `norm`.
        let depth = label.count > 1 && Int(label[1]) != nil ? 2 : 1
        self.init(
            layer: label.prefix(depth).joined(separator: "."),
            operation: label.dropFirst(depth).joined(separator: "."), kernel: stage.kernel(of: command),
            flops: work.flops, bytes: work.bytes,
            spans: spans.map { .init(start: .nanoseconds($0.start), time: .nanoseconds($0.time)) },
            isResolved: spans.allSatisfy { $0.time > stage.tick })
    }
}

extension Profile.Stage {
    /// Sums over the model's parts, in their order.
    public var byLayer: [Profile.Row] { rows { ($0.layer, "") } }

    /// Sums over kernels, the longest first.
    public var byKernel: [Profile.Row] { rows { ("", $0.kernel) }.sorted { $0.time > $1.time } }

    /// Sums over each kernel in each part, in the parts' order.
    public var byLayerAndKernel: [Profile.Row] { rows { ($0.layer, $0.kernel) } }

    private func rows(_ key: (Profile.Entry) -> (layer: String, kernel: String)) -> [Profile.Row] {
        var rows: [Profile.Row] = []
        var places: [[String]: Int] = [:]
        for entry in entries {
            let (layer, kernel) = key(entry)
            let place = places[[layer, kernel]] ?? rows.count
            if place == rows.count {
                places[[layer, kernel]] = place
                rows.append(Profile.Row(layer: layer, kernel: kernel))
            }
            rows[place].add(entry)
        }
        return rows
    }
}

/// What can be compared with a roof.
public protocol Timed {
    /// Time on the device.
    var time: Duration { get }
    /// Floating-point operations.
    var flops: Double { get }
    /// Bytes read and written at least.
    var bytes: Double { get }
}

extension Profile.Entry: Timed {}
extension Profile.Row: Timed {}

extension Timed {
    /// Floating-point operations in a second.
    public var flopsPerSecond: Double { rate(flops) }

    /// Bytes in a second.
    public var bytesPerSecond: Double { rate(bytes) }

    /// The least time that the device could take by its roofs, as a part of the time it took: 1 is the roof.
    ///
    /// Above 1 where data comes from caches that the copy which measured the roof does not fit.
    public func share(of roofs: Profile.Roofs) -> Double {
        time > .zero ? roofs.leastTime(flops: flops, bytes: bytes) / time : 0
    }

    private func rate(_ amount: Double) -> Double { time > .zero ? amount / (time / .seconds(1)) : 0 }
}
