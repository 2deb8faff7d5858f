import ArgumentParser
import Percept
import PerceptCommandKit

struct PullCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pull", abstract: "Fetches a model from the Hugging Face hub into the cache there is for it.",
        discussion: """
            Prints the path that --model takes; a model with a published name is also found by that. What is there is not \
            fetched again, and an interrupted pull goes on where it was. A file that is there and was not compared with its \
            hash since it last changed is compared, which reads it once, and fetched anew if it is damaged. HF_HOME, \
            HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE, HF_HUB_DISABLE_SYMLINKS and HF_HUB_DOWNLOAD_TIMEOUT \
            (seconds without a byte) mean what they mean to other clients of the hub; so do https_proxy and no_proxy. \
            SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE, the first that is set, names the \
            certificates of the authorities to trust in place of the system's.
            """)

    @OptionGroup var global: GlobalOptions

    @Argument(help: ArgumentHelp("A published name, or OWNER/NAME on the hub.", valueName: "name"))
    var name: String

    @Option(help: "A branch, a tag or a commit.")
    var revision = "main"

    @Flag(help: "Of a language model, fetch the files of Meta's own code instead of those of transformers.")
    var original = false

    @Flag(help: "Compare all files that are there with their hashes, and fetch the damaged ones anew.")
    var verify = false

    @Flag(help: "Fetch all files anew, whatever is there.")
    var force = false

    func validate() throws {
        try global.refuseComputing(for: "pull")
        if verify && force { throw ValidationError("--force fetches everything anew, so --verify has nothing to do") }
    }

    func run() async throws {
        let title = "pulling \(name)"
        let model = try await ModelHub.pull(
            name, revision: revision, original: original,
            present: force ? .replaced : verify ? .verified : .verifiedOnce
        ) { event in
            switch event {
            case .progress(let done, let total):
                let bytes = "\(Format.bytes(done)) of \(Format.bytes(total))"
                Console.shared.progress("\(title), \(bytes)", total > 0 ? Double(done) / Double(total) : 1)
            case .verifying(let done, let total):
                let bytes = "\(Format.bytes(done)) of \(Format.bytes(total))"
                Console.shared.progress("comparing hashes, \(bytes)", total > 0 ? Double(done) / Double(total) : 1)
            case .damaged(let file): Console.shared.note("\(file): is damaged in the cache; fetching it anew")
            case .waiting(let file): Console.shared.note("\(file): another process is fetching it; waiting")
            case .retry(let what, let reason, let delay):
                Console.shared.note("\(what): \(reason); again in \(Format.fixed(delay / .seconds(1), 1)) s")
            }
        }
        let transferred = model.files.reduce(0) { $0 + $1.transferredBytes }
        Console.shared.detail("\(model.repository) at \(model.commit): \(transferred) bytes fetched")
        if global.json {
            let files = model.files.map { file in
                JSONText.members([
                    "name": .string(file.name), "bytes": .integer(file.bytes),
                    "transferred_bytes": .integer(file.transferredBytes),
                ])
            }
            let document = JSONText.members([
                "repository": .string(model.repository), "revision": .string(revision),
                "commit": .string(model.commit), "path": .string(model.path),
                "transferred_bytes": .integer(transferred), "files": .array(files),
            ])
            Console.shared.result(document.text)
        } else {
            Console.shared.result(model.path)
        }
    }
}
