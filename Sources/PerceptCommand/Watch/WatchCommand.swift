import ArgumentParser
import Foundation
import Percept
import PerceptCommandKit

struct WatchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "watch",
        abstract: "Encodes the frames of a camera, a video or a stream as they come.",
        discussion: """
            SOURCE is a camera (/dev/video0), a file, an address (rtsp, http, udp), a session's description (.sdp), - for \
            standard input, a pattern of images (frame-%04d.png), or test: for moving shapes. A newer frame takes the \
            place of one that still waits; Ctrl-C ends with a summary.
            """)

    @OptionGroup var global: GlobalOptions
    @OptionGroup var modelOptions: ModelOptions
    @OptionGroup var source: SourceOptions
    @OptionGroup var wanted: WatchOptions
    @OptionGroup var results: ResultOptions

    func validate() throws {
        if source.list, source.source != nil { throw ValidationError("Give a source to watch, or --list; not both.") }
        if !source.list, source.source == nil { throw ValidationError("Give a source to watch, or --list.") }
        if source.asFastAsPossible, source.source == "-" {
            throw ValidationError("Standard input comes as it comes; --as-fast-as-possible is for files.")
        }
        try requireDifferentFiles(results.paths, inputs: source.source.map { [$0] } ?? [])
    }

    func run() async throws {
        if source.list {
            let cameras = CameraDescription.all()
            if cameras.isEmpty { Console.shared.note("no camera found: there is no /dev/video* with pictures") }
            let list = CameraList(cameras)
            if global.json {
                Console.shared.result(list.json.text)
            } else if !cameras.isEmpty {
                Console.shared.result(list.table.text)
            }
            return
        }
        // On a signal the stream ends, and with it the outputs; then the process.
        try await Interruption.cancelling { try await WatchRun(self).run() }
    }
}

/// What is made of the frames.
struct WatchOptions: ParsableArguments {
    @OptionGroup var labels: LabelOptions

    @Option(
        help: ArgumentHelp(
            "Frames that labels, and the nearest of a gallery, are decided by: the mean of their embeddings, as of a video "
                + "(default: 1).",
            valueName: "count"))
    var window: Int?

    @Flag(help: "Tell when the scene changes, as lines of JSON.")
    var events = false

    @Option(help: ArgumentHelp("Name the most similar pictures of a directory.", valueName: "directory"))
    var gallery: String?

    @Option(help: ArgumentHelp("How many of the gallery are named (default: 1).", valueName: "count"))
    var nearest: Int?

    @Option(
        help: ArgumentHelp(
            "Draw dense features as colours over the picture, and write each frame so into this directory.",
            valueName: "directory"))
    var pca: String?

    @Option(help: ArgumentHelp("Describe what is seen every so many seconds.", valueName: "seconds"))
    var captionEvery: Double?

    @Option(help: ArgumentHelp("The language model that does (default: demo).", valueName: "name|path"))
    var captionModel: String?

    @Option(help: ArgumentHelp("What it is asked (default: Describe the image.).", valueName: "text"))
    var captionPrompt: String?

    @Option(
        help: ArgumentHelp(
            "The same as --preprocess for that model (default: as --preprocess).", valueName: "official|checkpoint"))
    var captionPreprocess: Preprocessing?

    @Option(help: "official: as the reference prepares images; checkpoint: as the checkpoint's JSON says.")
    var preprocess = Preprocessing.official

    func validate() throws {
        if let window, window < 1 { throw ValidationError("--window must be at least 1.") }
        if let nearest, nearest < 1 { throw ValidationError("--nearest must be at least 1.") }
        if nearest != nil, gallery == nil { throw ValidationError("--nearest is of a --gallery; give one.") }
        if window != nil, gallery == nil, !labels.areGiven {
            throw ValidationError("--window is what labels and a --gallery are decided by; give one of them.")
        }
        if captionEvery == nil, captionModel != nil || captionPrompt != nil || captionPreprocess != nil {
            throw ValidationError("--caption-model, --caption-prompt and --caption-preprocess want --caption-every.")
        }
        if let captionEvery, !(captionEvery >= 0 && captionEvery < 1e9) {
            throw ValidationError("--caption-every takes seconds.")
        }
    }
}

/// Where results go.
struct ResultOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Keep embeddings with their time stamps.", valueName: "file.jsonl|.npy"))
    var record: RecordFile?

    @Option(help: ArgumentHelp("Write the video, upright, with labels drawn in.", valueName: "file.mp4"))
    var annotate: String?

    @Option(help: ArgumentHelp("Write when what happened to each frame, for ui.perfetto.dev.", valueName: "file.json"))
    var trace: String?

    @Option(help: ArgumentHelp("End after so many seconds.", valueName: "seconds"))
    var duration: Double?

    @Option(help: ArgumentHelp("End after so many encoded frames.", valueName: "count"))
    var frames: Int?

    @Flag(inversion: .prefixedNo, help: "Show a small picture in the terminal.")
    var preview = true

    func validate() throws {
        if let duration, !(duration > 0) { throw ValidationError("--duration must be more than 0.") }
        if let frames, frames < 1 { throw ValidationError("--frames must be at least 1.") }
        for path in paths { try requireWritableDirectory(of: path) }
    }

    var paths: [String] { [record?.path, annotate, trace].compactMap { $0 } }
}
