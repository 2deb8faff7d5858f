import ArgumentParser
import Percept
import PerceptCommandKit

/// Files to encode and how.
struct InputOptions: ParsableArguments {
    @Flag(help: "Look for images and videos in directories; links there are followed.")
    var recursive = false

    @Option(
        help: ArgumentHelp(
            "Images or frames that are encoded at once (default: as suits the device).", valueName: "count"))
    var batch: Int?

    @Option(
        help: ArgumentHelp(
            "Frames that are taken from a video, and from an animation if this is given (default: 8).",
            valueName: "count"))
    var frames: Int?

    @Option(help: "official: as the reference prepares images; checkpoint: as the checkpoint's JSON says.")
    var preprocess = Preprocessing.official

    @Flag(help: "Print a line of JSON for each input, as soon as it is there.")
    var jsonl = false

    @OptionGroup var list: ListOptions

    @Argument(help: ArgumentHelp("Images and videos; - is standard input.", valueName: "file"), completion: .file())
    var files: [String] = []

    /// Whether any file is named, or may be.
    var areGiven: Bool { !files.isEmpty || list.filesFrom != nil }

    /// Says which of the options asked for change nothing.
    ///
    /// - Parameter kinds: of the files that were read.
    func noteIdle(_ kinds: Set<MediaKind>) {
        if frames != nil, kinds == [.image] { Console.shared.note("--frames: there is no video to take them of") }
    }

    func validate() throws {
        if let batch, batch < 1 { throw ValidationError("--batch must be at least 1.") }
        if let frames, frames < 1 { throw ValidationError("--frames must be at least 1.") }
    }
}
