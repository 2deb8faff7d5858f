import ArgumentParser
import Foundation
import Percept
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
        var rows: EmbeddingRecording?
    }

    private let path: String
    private let state: Mutex<State>

    init(_ file: RecordFile, width: Int) throws {
        path = file.path
        var state = State()
        switch file.format {
        case .jsonl: state.lines = try NewFile(path: file.path, as: .recording)
        case .npy:
            state.rows = try EmbeddingRecording(path: file.path, width: width)
        }
        tellOfRecording(keptAside: state.lines?.keptAside ?? state.rows?.keptAside)
        self.state = Mutex(state)
    }

    func show(_ frame: WatchedFrame) throws {
        let result = frame.result
        try state.withLock { state in
            if state.rows != nil {
                try state.rows?.append(frame: result.number, time: result.time, embedding: result.embedding)
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
                try state.rows?.finish()
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
