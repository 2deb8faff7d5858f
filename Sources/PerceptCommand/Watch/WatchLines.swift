import Percept
import PerceptCommandKit
import PerceptJSON
import Synchronization

/// A line of JSON for each frame, description and event on standard output.
final class JSONLines: WatchOutput {
    /// Whether frames have lines; else there are those of events and descriptions only.
    private let frames: Bool
    private let events: Bool
    private let line = Mutex(JSONWriter())

    init(frames: Bool, events: Bool) {
        self.frames = frames
        self.events = events
    }

    func show(_ frame: WatchedFrame) {
        if frames {
            line.withLock { line in
                Self.write(frame, to: &line)
                Console.shared.stream(line.text)
            }
        }
        if events, let change = frame.change {
            Console.shared.result(change.json(number: frame.result.number, time: frame.result.time).text)
        }
    }

    private static func write(_ frame: WatchedFrame, to line: inout JSONWriter) {
        line.beginLine()
        line.name("frame")
        line.value(frame.result.number)
        line.name("time")
        line.rounded(frame.result.time)
        line.name("labels")
        line.array { line in
            for (label, probability) in frame.labels {
                line.object { line in
                    line.name("label")
                    line.value(label)
                    line.name("probability")
                    line.value(probability)
                }
            }
        }
        line.name("latency_ms")
        line.rounded(frame.latencyMilliseconds)
        if !frame.nearest.isEmpty {
            line.name("nearest")
            line.array { line in
                for match in frame.nearest {
                    line.object { line in
                        line.name("source")
                        line.value(match.name)
                        line.name("cosine")
                        line.value(match.cosine)
                    }
                }
            }
        }
        line.endLine()
    }

    func show(_ caption: StreamCaption) {
        Console.shared.result(
            JSONText.members([
                "caption": .string(caption.text), "frame": .integer(caption.number), "time": .number(caption.time),
                "latency_ms": .number(Format.milliseconds(caption.latency)),
            ]).text)
    }

    func show(_ notice: SourceNotice) { Console.shared.note(notice.text) }

    func show(_ notice: DeviceNotice) { Console.shared.note(notice.text) }

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

    func show(_ notice: DeviceNotice) { Console.shared.note(notice.text) }

    func finish(_ summary: StreamSummary) { Console.shared.result(summary.text) }

    private func line(_ time: Double, _ first: String, _ others: [String] = []) -> String {
        "\(Format.fixed(time, 2)) s  " + ([first] + others).joined(separator: "  ")
    }
}
