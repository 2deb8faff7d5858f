import Percept
import PerceptCommandKit

/// A frame with everything that was asked of it.
struct WatchedFrame: Sendable {
    let result: FrameResult
    /// By probability, highest first.
    let labels: [(label: String, probability: Float)]
    let nearest: [Gallery.Match]
    /// The scene that begins with it.
    let change: SceneDetector.Change?
    /// Colours of its dense features, if they are drawn.
    let overlay: FeatureOverlay?

    var latencyMilliseconds: Double { Format.milliseconds(result.latency) }
}

/// Where what was watched goes.
protocol WatchOutput: Sendable {
    func show(_ frame: WatchedFrame) throws
    func show(_ caption: StreamCaption) throws
    func show(_ notice: SourceNotice) throws
    func show(_ notice: DeviceNotice) throws
    /// The last call: the stream has ended, however it did.
    func finish(_ summary: StreamSummary) throws
    /// Nothing more comes, and nothing is to be kept: something else failed. Harmless behind `finish`.
    func abandon()
}

extension WatchOutput {
    func show(_ caption: StreamCaption) throws {}
    func show(_ notice: SourceNotice) throws {}
    func show(_ notice: DeviceNotice) throws {}
    func abandon() {}
}

extension SourceNotice {
    /// For people.
    var text: String {
        switch self {
        case .reconnecting(let attempt, let reason): "\(reason); trying again (\(attempt))"
        case .reconnected: "the source is back"
        case .corrupt(let reason): "left out: \(reason)"
        case .remark(let text): text
        case .resized(let width, let height): "frames are now \(width) x \(height)"
        }
    }
}

extension DeviceNotice {
    /// For people.
    var text: String {
        switch self {
        case .lost(let reason): "\(reason); opening it"
        case .absent(let attempt, let reason): "\(reason); trying again (\(attempt))"
        case .reopened(let name): "\(name) is back"
        }
    }
}

extension StreamSummary {
    /// For people.
    var text: String {
        var text =
            "\(encoded) of \(offered) frames encoded, \(dropped) dropped, "
            + "\(Format.fixed(framesPerSecond, 1)) frames a second"
        if encoded > 0 {
            let (median, high) = (latency.percentile(0.5), latency.percentile(0.99))
            text +=
                ", latency \(Format.fixed(Format.milliseconds(median), 1)) ms (median), "
                + "\(Format.fixed(Format.milliseconds(high), 1)) ms (99th percentile)"
        }
        if corrupt > 0 { text += ", \(corrupt) damaged" }
        return text
    }

    var json: JSONText {
        .members([
            "frames": .integer(encoded), "dropped": .integer(dropped), "fps": .number(framesPerSecond),
            "latency_p50_ms": encoded == 0 ? .null : .number(Format.milliseconds(latency.percentile(0.5))),
            "latency_p99_ms": encoded == 0 ? .null : .number(Format.milliseconds(latency.percentile(0.99))),
        ])
    }
}
