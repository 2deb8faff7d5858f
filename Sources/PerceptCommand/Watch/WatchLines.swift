import Percept
import PerceptCommandKit

/// A line of JSON for each frame, description and event on standard output.
struct JSONLines: WatchOutput {
    /// Whether frames have lines; else there are those of events and descriptions only.
    let frames: Bool
    let events: Bool

    func show(_ frame: WatchedFrame) {
        if frames {
            var members: [(name: String, value: JSONText)] = [
                ("frame", .integer(frame.result.number)), ("time", .number(frame.result.time)),
                (
                    "labels",
                    .array(
                        frame.labels.map {
                            .members(["label": .string($0.label), "probability": .float($0.probability)])
                        })
                ), ("latency_ms", .number(frame.latencyMilliseconds)),
            ]
            if !frame.nearest.isEmpty {
                members.append(
                    (
                        "nearest",
                        .array(
                            frame.nearest.map { .members(["source": .string($0.name), "cosine": .float($0.cosine)]) })
                    ))
            }
            Console.shared.result(JSONText.object(members).text)
        }
        if events, let change = frame.change {
            Console.shared.result(change.json(number: frame.result.number, time: frame.result.time).text)
        }
    }

    func show(_ caption: StreamCaption) {
        Console.shared.result(
            JSONText.members([
                "caption": .string(caption.text), "frame": .integer(caption.number), "time": .number(caption.time),
                "latency_ms": .number(Format.milliseconds(caption.latency)),
            ]).text)
    }

    func show(_ notice: SourceNotice) { Console.shared.note(notice.text) }

    func finish(_ summary: StreamSummary) {
        if frames { Console.shared.result(summary.json.text) } else { Console.shared.note(summary.text) }
    }
}

extension SceneDetector.Change {
    func json(number: Int, time: Double) -> JSONText {
        .members([
            "event": .string("scene"), "frame": .integer(number), "time": .number(time), "scene": .integer(scene),
            "distance": .float(distance), "score": .number(score),
            "resembles": resembles.map(JSONText.integer) ?? .null,
        ])
    }

    /// For people.
    var text: String {
        "scene \(scene), " + (resembles.map { "like scene \($0)" } ?? "not seen before")
            + " (distance \(Format.fixed(Double(distance), 3)))"
    }
}

/// A line of text for each frame.
struct PlainLines: WatchOutput {
    /// Labels of a line.
    private static let shown = 3

    func show(_ frame: WatchedFrame) {
        var parts = frame.labels.prefix(Self.shown).map {
            "\(LiveText.printable($0.label)) \(Format.fixed(100 * Double($0.probability), 1)) %"
        }
        parts += frame.nearest.map { "\(LiveText.printable($0.name)) \(Format.fixed(Double($0.cosine), 3))" }
        Console.shared.result(
            line(frame.result.time, "frame \(frame.result.number)", parts)
                + "  \(Format.fixed(frame.latencyMilliseconds, 1)) ms")
        if let change = frame.change { Console.shared.result(line(frame.result.time, change.text)) }
    }

    func show(_ caption: StreamCaption) {
        Console.shared.result(line(caption.time, "“\(LiveText.printable(caption.text))”"))
    }

    func show(_ notice: SourceNotice) { Console.shared.note(notice.text) }

    func finish(_ summary: StreamSummary) { Console.shared.result(summary.text) }

    private func line(_ time: Double, _ first: String, _ others: [String] = []) -> String {
        "\(Format.fixed(time, 2)) s  " + ([first] + others).joined(separator: "  ")
    }
}
