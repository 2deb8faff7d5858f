import PerceptGraph
import PerceptRuntime
import PerceptShaders
import PerceptVulkan

/// Runs a program some times and makes a stage of it.
struct StageRecorder {
    let name: String
    let units: Int
    let program: Program
    let gpu: PerceptRuntime.GPU
    /// How full a decoder's cache is in these runs.
    var cache: CacheUse?

    /// - Parameters:
    ///   - runs: how many are timed, after one that warms up.
    ///   - before: brings states back to where a run starts.
    func record(runs: Int, before: () throws -> Void) throws -> Profile.Stage {
        var timed: [TimedRun] = []
        for run in 0...runs {
            try Task.checkCancellation()
            try before()
            let found = try program.timedRun(on: gpu)
            if run > 0 { timed.append(found) }
        }
        timed.sort { $0.times.total < $1.times.total }
        return stage(timed[timed.count / 2], of: timed)
    }

    private func stage(_ run: TimedRun, of all: [TimedRun]) -> Profile.Stage {
        let spans = all.map { Dictionary(grouping: $0.times.spans, by: { Command($0.command) }) }
        var kernelTimes: [String: [Duration]] = [:]
        for spans in spans {
            let sums = Dictionary(grouping: spans, by: { kernel(of: $0.key) }).mapValues { commands in
                commands.flatMap(\.value).reduce(0) { $0 + $1.time }
            }
            for (kernel, sum) in sums { kernelTimes[kernel, default: []].append(.nanoseconds(sum)) }
        }
        let own = Dictionary(grouping: run.times.spans, by: { Command($0.command) })
        // In the order in which they ran.
        let entries = own.sorted { $0.value[0].start < $1.value[0].start }.map { entry($0.key, $0.value) }
        let host = (program.preparation + run.host).map { span in
            Profile.HostActivity(
                name: span.name,
                span: .init(
                    start: .nanoseconds(Double(span.start) - run.deviceStart), time: span.time))
        }
        return Profile.Stage(
            name: name, units: units, entries: entries,
            submissions: run.times.pieces.map {
                .init(start: .nanoseconds($0.start), time: .nanoseconds($0.end - $0.start))
            },
            total: .nanoseconds(run.times.total), totals: all.map { .nanoseconds($0.times.total) },
            kernelTimes: kernelTimes, barriers: program.plan.barrierCount, host: host,
            start: .nanoseconds(run.deviceStart),
            clockDeviation: .nanoseconds(Int64(run.deviation)))
    }

    /// What the slices of a step have in common.
    private enum Command: Hashable {
        case step(Int)
        case copy(Int)

        init(_ command: Plan.Command) {
            switch command {
            case .dispatch(let part): self = .step(part.step)
            case .copy(let output): self = .copy(output)
            case .barrier: preconditionFailure("barriers are not timed")
            }
        }
    }

    private func kernel(of command: Command) -> String {
        switch command {
        case .step(let step): program.plan.steps[step].dispatch.kernel.name
        case .copy: "copy"
        }
    }

    private func entry(_ command: Command, _ spans: [RunTimes.Span]) -> Profile.Entry {
        let label: [String]
        let work: Work
        switch command {
        case .step(let index):
            let step = program.plan.steps[index]
            label = step.label.split(separator: ".").map(String.init)
            work = step.dispatch.work(cache)
        case .copy(let output):
            label = ["outputs", program.plan.outputs[output].name]
            work = Work(flops: 0, bytes: 2 * Double(program.plan.outputs[output].tensor.byteCount))
        }
        // `blocks.3` is a layer, and so is `norm`.
        let depth = label.count > 1 && Int(label[1]) != nil ? 2 : 1
        let tick = gpu.device.physical.limits.timestampPeriod
        return Profile.Entry(
            layer: label.prefix(depth).joined(separator: "."),
            operation: label.dropFirst(depth).joined(separator: "."), kernel: kernel(of: command),
            flops: work.flops, bytes: work.bytes,
            spans: spans.map { .init(start: .nanoseconds($0.start), time: .nanoseconds($0.time)) },
            isResolved: spans.allSatisfy { $0.time > tick })
    }
}

extension Profile.Roofs {
    /// Those of a device, measured when they are first asked for.
    init(_ gpu: PerceptRuntime.GPU, _ storage: StorageType, anew: Bool) throws {
        let roofs = try DeviceRoofs.of(gpu, storage, anew: anew)
        self.init(
            bytesPerSecond: roofs.copy, scalarFlopsPerSecond: roofs.fma, matrixFlopsPerSecond: roofs.product)
    }
}
