import Foundation
package import Percept
import PerceptCommandKit

/// What the live view shows.
package struct LiveState {
    /// The source, its format, size and rate.
    let source: String
    let model: String
    let device: String
    /// By probability, highest first.
    package var labels: [(label: String, probability: Float)] = []
    package var nearest: [Gallery.Match] = []
    package var caption: (text: String, time: Double)?
    /// The last scenes, newest first.
    package var scenes: [(text: String, time: Double)] = []
    package var notice: (text: String, moment: ContinuousClock.Instant)?
    /// Seconds by the source's clock.
    package var time = 0.0
    package var encoded = 0
    package var dropped = 0
    private(set) var latencies = RecentLatencies()
    private var rate = RecentRate()

    /// Scenes that are listed.
    static let shownScenes = 3

    package init(source: String, model: String, device: String) {
        self.source = source
        self.model = model
        self.device = device
    }

    mutating func note(_ frame: WatchedFrame, now: ContinuousClock.Instant) {
        labels = frame.labels
        nearest = frame.nearest
        time = frame.result.time
        encoded += 1
        dropped += frame.result.dropped
        latencies.add(frame.result.latency)
        rate.add(now)
        if let change = frame.change {
            scenes = [(change.text, frame.result.time)] + scenes.prefix(Self.shownScenes - 1)
        }
    }

    /// Frames a second of late.
    func framesPerSecond(now: ContinuousClock.Instant) -> Double { rate.value(now: now) }
}

/// The last latencies, for percentiles of late.
package struct RecentLatencies {
    private var values: [Duration] = []
    private var next = 0
    private static let capacity = 256

    package init() {}

    package mutating func add(_ latency: Duration) {
        if values.count < Self.capacity {
            values.append(latency)
        } else {
            values[next] = latency
            next = (next + 1) % Self.capacity
        }
    }

    /// The value that a share of the last does not exceed; nil where there is none.
    package func percentile(_ share: Double) -> Duration? {
        guard !values.isEmpty else { return nil }
        let rank = max(Int((share * Double(values.count)).rounded(.up)), 1)
        return values.sorted()[rank - 1]
    }
}

/// How often something happened in the last two seconds.
package struct RecentRate {
    private var moments: [ContinuousClock.Instant] = []
    package init() {}

    private static let span = Duration.seconds(2)
    /// More are not needed for a rate.
    private static let capacity = 512

    package mutating func add(_ moment: ContinuousClock.Instant) {
        moments.append(moment)
        let outdated = moments.prefix { moment - $0 > Self.span }.count
        moments.removeFirst(max(outdated, moments.count - Self.capacity))
    }

    /// A second; 0 where nothing happened of late.
    package func value(now: ContinuousClock.Instant) -> Double {
        let recent = moments.drop { now - $0 > Self.span }
        guard let first = recent.first, let last = recent.last, recent.count > 1, last > first else { return 0 }
        return Double(recent.count - 1) / ((last - first) / .seconds(1))
    }
}
