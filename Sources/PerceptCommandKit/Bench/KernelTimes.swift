import Percept
import PerceptJSON

/// What a kernel took in each of a few runs of a stage, all its dispatches together: enough to tell a change from noise.
struct KernelTimes: Hashable {
    /// `vision`, `prefill` or `decode`.
    let stage: String
    let name: String
    /// Microseconds: the shortest run, the median and the longest.
    let low: Double
    let median: Double
    let high: Double

    /// Those of a profile.
    static func all(of profile: Profile) -> [KernelTimes] {
        profile.stages.flatMap { stage in
            stage.byKernel.compactMap { row in
                let times = (stage.kernelTimes[row.kernel] ?? []).map(\.microseconds).sorted()
                guard let low = times.first, let high = times.last else { return nil }
                return KernelTimes(
                    stage: stage.name, name: row.kernel, low: low, median: times[times.count / 2], high: high)
            }
        }
    }

    var json: JSONText {
        .members([
            "stage": .string(stage), "name": .string(name), "us": .number(median), "low_us": .number(low),
            "high_us": .number(high),
        ])
    }

    init(stage: String, name: String, low: Double, median: Double, high: Double) {
        self.stage = stage
        self.name = name
        self.low = low
        self.median = median
        self.high = high
    }

    init?(_ json: JSON) {
        guard let stage = json["stage"]?.string, let name = json["name"]?.string, let low = json["low_us"]?.number,
            let median = json["us"]?.number, let high = json["high_us"]?.number, low >= 0, median >= low, high >= median
        else { return nil }
        self.init(stage: stage, name: name, low: low, median: median, high: high)
    }
}
