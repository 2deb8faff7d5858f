import Percept
import PerceptCommandKit
import PerceptFiles
import Synchronization

/// Writes when what happened to each frame, in the trace event format of Chrome, which ui.perfetto.dev opens: as it
/// happens, so that a long stream takes no memory, and whole after each event, should the process be killed.
///
/// A slice of `decode`, `wait` (between decoding and upload), `upload`, `encode`, `readback` and `label`. Uploads have a
/// track of their own, since a frame goes up before the one before it is read back. `encode` begins when the frame before
/// was done, if that was later than its upload.
final class FrameTrace: WatchOutput {
    private struct State: ~Copyable {
        var file: NewFile
        /// Bytes up to the end of the last event.
        var length = 0
        var origin: ContinuousClock.Instant?
        var isEmpty = true
        /// Where the last slice of a track ended: slices of one track must not overlap.
        var ends: [Track: ContinuousClock.Instant] = [:]
    }

    private enum Track: Int, CaseIterable {
        case source = 1
        case wait, upload, device, results, captions

        var name: String {
            switch self {
            case .source: "source"
            case .wait: "mailbox"
            case .upload: "upload"
            case .device: "device"
            case .results: "results"
            case .captions: "captions"
            }
        }
    }

    private static let end = "\n]}\n"

    private let path: String
    private let state: Mutex<State>

    init(_ path: String, source: String, model: String, device: String) throws {
        self.path = path
        let file = try NewFile(path: path, as: .recording)
        tellOfRecording(keptAside: file.keptAside)
        let head = JSONText.members([
            "source": .string(source), "model": .string(model), "device": .string(device),
        ]).text
        let start = Array("{\"otherData\":\(head),\"displayTimeUnit\":\"ms\",\"traceEvents\":[".utf8)
        try file.write(start)
        state = Mutex(State(file: file, length: start.count))
        try state.withLock { state in
            for track in Track.allCases {
                try Self.write(
                    .members([
                        "name": .string("thread_name"), "ph": .string("M"), "pid": .integer(1),
                        "tid": .integer(track.rawValue), "args": .members(["name": .string(track.name)]),
                    ]), &state)
            }
        }
    }

    func show(_ frame: WatchedFrame) throws {
        let result = frame.result
        let stages = result.stages
        var arguments: [(name: String, value: JSONText)] = [
            ("frame", .integer(result.number)), ("time", .number(result.time)),
            ("latency_ms", .number(frame.latencyMilliseconds)), ("dropped", .integer(result.dropped)),
        ]
        if let device = stages.device { arguments.append(("device_ms", .number(Format.milliseconds(device)))) }
        try state.withLock { state in
            try Self.slice("decode", .source, stages.arrival, stages.decoded, arguments, &state)
            try Self.slice("wait", .wait, stages.decoded, stages.taken, arguments, &state)
            try Self.slice("upload", .upload, stages.taken, stages.submitted, arguments, &state)
            try Self.slice("encode", .device, stages.started, stages.encoded, arguments, &state)
            try Self.slice("readback", .results, stages.encoded, stages.read, arguments, &state)
            try Self.slice("label", .results, stages.read, stages.labelled, arguments, &state)
        }
    }

    func show(_ caption: StreamCaption) throws {
        try state.withLock { state in
            let now = ContinuousClock.now
            try Self.slice(
                "caption", .captions, now - caption.latency, now,
                [
                    ("frame", .integer(caption.number)), ("text", .string(caption.text)),
                    ("pieces", .integer(caption.pieces.count)),
                    ("longest_piece_ms", .number(Format.milliseconds(caption.pieces.longest))),
                ], &state)
        }
    }

    func finish(_ summary: StreamSummary) throws {
        try Interruption.uninterrupted {
            try state.withLock { state in
                // Where it can be, the end is already there.
                if !state.file.isFile { try state.file.write(Array(Self.end.utf8)) }
                try state.file.commit()
            }
        }
        Console.shared.detail("wrote \(path)")
    }

    private static func slice(
        _ name: String, _ track: Track, _ start: ContinuousClock.Instant, _ end: ContinuousClock.Instant,
        _ arguments: [(name: String, value: JSONText)], _ state: inout State
    ) throws {
        let origin = state.origin ?? start
        state.origin = origin
        // Frames may come in while the one before is still being decoded.
        let shown = max(start, state.ends[track] ?? start)
        guard end >= shown else { return }
        state.ends[track] = end
        func microseconds(_ moment: ContinuousClock.Instant) -> Double {
            ((moment - origin) / .nanoseconds(1)).rounded() / 1000
        }
        try write(
            .members([
                "name": .string(name), "ph": .string("X"), "ts": .number(microseconds(shown)),
                "dur": .number(microseconds(end) - microseconds(shown)), "pid": .integer(1),
                "tid": .integer(track.rawValue), "args": .object(arguments),
            ]), &state)
    }

    private static func write(_ event: JSONText, _ state: inout State) throws {
        let text = Array(((state.isEmpty ? "\n" : ",\n") + event.text).utf8)
        state.isEmpty = false
        guard state.file.isFile else { return try state.file.write(text) }
        // Over the end that was behind the event before.
        try state.file.overwrite(text + Array(Self.end.utf8), at: state.length)
        state.length += text.count
    }
}
