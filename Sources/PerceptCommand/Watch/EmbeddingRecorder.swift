import ArgumentParser
import Foundation
import Percept
import PerceptCheckpoint
import PerceptCommandKit
import PerceptFiles
import Synchronization

/// A file that `--record` names: `.jsonl` or `.npy`.
struct RecordFile: ExpressibleByArgument {
    enum Format: String {
        case jsonl, npy
    }

    let path: String
    let format: Format

    init?(argument: String) {
        guard let format = Format(rawValue: URL(filePath: argument).pathExtension.lowercased()) else { return nil }
        path = argument
        self.format = format
    }
}

/// Writes embeddings with their time stamps as they come: however long a stream is, none is kept in memory.
///
/// A stream that fails or is interrupted leaves the frames up to then: the file takes its name when the stream ends. What a
/// process that was killed leaves under the name with `.partial` can be read.
final class EmbeddingRecorder: WatchOutput {
    private struct State: ~Copyable {
        var lines: NewFile?
        var rows: NPYRecordWriter?
        /// When the rows were last counted in their file.
        var counted = ContinuousClock.now

        /// Appends a row, and states how many there are: once a second, for who reads what a killed process left.
        mutating func append(_ fill: (inout NPYRecordWriter.Row) -> Void) throws {
            try rows?.append(fill)
            guard counted.duration(to: .now) >= .seconds(1) else { return }
            try rows?.stateCount()
            counted = .now
        }
    }

    private let path: String
    private let state: Mutex<State>

    init(_ file: RecordFile, width: Int) throws {
        path = file.path
        var state = State()
        switch file.format {
        case .jsonl: state.lines = try NewFile(path: file.path, as: .recording)
        case .npy:
            state.rows = try NPYRecordWriter(
                to: file.path,
                fields: [.init("frame", .int64), .init("time", .float64), .init("embedding", .float32, count: width)],
                as: .recording)
        }
        tellOfRecording(keptAside: state.lines?.keptAside ?? state.rows?.keptAside)
        self.state = Mutex(state)
    }

    func show(_ frame: WatchedFrame) throws {
        let result = frame.result
        try state.withLock { state in
            if state.rows != nil {
                try state.append { row in
                    row.append(Int64(result.number))
                    row.append(result.time)
                    row.append(result.embedding.values)
                }
            } else {
                let line = JSONText.members([
                    "frame": .integer(result.number), "time": .number(result.time),
                    "embedding": .floats(result.embedding.values),
                ]).text
                try state.lines?.write(Array((line + "\n").utf8))
            }
        }
    }

    func finish(_ summary: StreamSummary) throws {
        try Interruption.uninterrupted {
            try state.withLock { state in
                try state.lines?.commit()
                try state.rows?.commit()
            }
        }
        Console.shared.detail("wrote \(path)")
    }
}

/// Says where the recording is that an earlier run began under a name and did not finish.
func tellOfRecording(keptAside: String?) {
    guard let keptAside else { return }
    Console.shared.note("an earlier recording that was not finished is kept as \(keptAside)")
}
