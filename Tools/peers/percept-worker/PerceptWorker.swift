import Foundation
import Percept
import PerceptCheckpoint

/// Percept's side of `Tools/compare-peers`: opens a model and answers the lines of standard input as `worker.py` does.
///
///     percept-worker FOLDER PRECISION
///
/// FOLDER holds `tower.pt` and `image.png`, whose pixels give the tensor that the others read: it has the tower's size. A
/// run is from the decoded image in memory to the embedding in memory; unlike the others it normalises both.
@main
struct PerceptWorker {
    static func main() async {
        do {
            let arguments = CommandLine.arguments.dropFirst()
            guard arguments.count == 2, let folder = arguments.first, let precision = arguments.last else {
                throw PerceptError(.usage, "percept-worker FOLDER PRECISION")
            }
            try await serve(folder: URL(filePath: folder), precision: precision)
        } catch {
            answer(["error": "\(error)"])
            exit(1)
        }
    }

    private static func serve(folder: URL, precision: String) async throws {
        guard let precision = Precision(rawValue: precision) else { throw PerceptError(.usage, "no \(precision)") }
        let gpu = try GPU.named(nil)
        let source = ModelSource(argument: folder.appending(path: "tower.pt").path)
        let encoder = try await PerceptionEncoder(source, on: gpu, precision: precision)
        let image = try Image(contentsOf: folder.appending(path: "image.png"))
        try await encoder.prepare()
        let device = gpu.description
        answer(["version": "this tree", "device": "\(device.name), \(device.driver)"])

        var embedding: [Float] = []
        while let line = readLine() {
            let words = line.split(separator: " ", maxSplits: 1).map(String.init)
            switch words.first {
            case "run":
                let clock = ContinuousClock()
                let (start, spent) = (clock.now, processorSeconds())
                embedding = try await encoder.embed([image])[0].values
                let wall = (clock.now - start) / .seconds(1)
                answer(["seconds": wall, "processor": processorSeconds() - spent])
            case "save" where words.count == 2:
                try NPYWriter.write(embedding, shape: [1, embedding.count], to: words[1])
                answer(["saved": words[1]])
            default: throw PerceptError(.usage, "neither run nor save: \(line)")
            }
        }
    }

    private static func answer(_ values: [String: Any]) {
        guard let line = try? JSONSerialization.data(withJSONObject: values) else { return }
        FileHandle.standardOutput.write(line + Data("\n".utf8))
    }

    /// Of all threads of the process, the driver's among them.
    private static func processorSeconds() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
