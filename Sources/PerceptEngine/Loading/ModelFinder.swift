package import Foundation
import PerceptCheckpoint
import PerceptFiles
package import PerceptHubCache
package import PerceptModels

/// Looks for the files of published models.
package enum ModelFinder {
    package static func find(_ model: KnownModel) -> String? {
        let environment = ProcessInfo.processInfo.environment
        let files = FileManager.default
        if let folder = Arguments.variable("PERCEPT_MODELS") {
            for name in ["\(model.name).pt", model.name] where Files.exists(FileName.joined(folder, name)) {
                return FileName.joined(folder, name)
            }
        }
        for repository in [model.repository, model.timmRepository] {
            guard let repository = try? HubRepository(repository),
                let snapshot = HubCache(environment: environment).snapshot(of: repository)
            else { continue }
            let file = snapshot.appending(path: "\(model.name).pt")
            if files.fileExists(atPath: file.path) { return file.path }
            if files.fileExists(atPath: snapshot.appending(path: "model.safetensors").path) { return snapshot.path }
        }
        return nil
    }

    /// A repository that somebody has pulled, in the form ``ModelOrigin/path(_:)`` takes.
    package static func pulled(_ id: String) -> String? {
        guard let repository = try? HubRepository(id), id.contains("/"),
            let snapshot = HubCache(environment: ProcessInfo.processInfo.environment).snapshot(of: repository)
        else { return nil }
        return location(repository, snapshot)
    }

    /// The file of the original release, or the directory.
    package static func location(_ repository: HubRepository, _ snapshot: URL) -> String {
        let file = snapshot.appending(path: "\(repository.name).pt")
        return FileManager.default.fileExists(atPath: file.path) ? file.path : snapshot.path
    }

    /// Reads a checkpoint. Of a damaged file in the hub's cache the error says how it is mended.
    static func advising<T>(_ read: () throws -> T) throws -> T {
        do { return try read() } catch let error as CheckpointError {
            let file: String
            switch error {
            case .absent(let path, _), .truncated(let path, _, _), .malformed(let path, _), .notFinite(let path, _),
                .unreadable(let path, _):
                file = path
            default: throw error
            }
            guard let repository = HubCache.repository(at: file) else { throw error }
            throw Refusal(
                error.kind,
                "\(error.description); `percept pull --verify \(repository.id)` compares what the cache has with the hub "
                    + "and fetches what is damaged or missing", cause: error)
        }
    }
}

extension ModelFinder {
    package static func find(_ model: KnownLanguageModel) -> String? {
        let environment = ProcessInfo.processInfo.environment
        let published = model.repository.split(separator: "/").last.map(String.init) ?? model.name
        if let folder = Arguments.variable("PERCEPT_MODELS") {
            for name in [model.name, published] where Files.exists(FileName.joined(folder, name)) {
                return FileName.joined(folder, name)
            }
        }
        guard let repository = try? HubRepository(model.repository),
            let snapshot = HubCache(environment: environment).snapshot(of: repository)
        else { return nil }
        // A pull of the original layout alone leaves nothing in the root.
        let folders = [snapshot, snapshot.appending(path: "original")]
        let files = ["config.json", "params.json"]
        return zip(folders, files).first { FileManager.default.fileExists(atPath: $0.appending(path: $1).path) }?.0.path
    }
}
