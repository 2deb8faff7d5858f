package import Foundation
import PerceptCheckpoint
import PerceptFiles
package import PerceptHubCache
package import PerceptModels

/// Looks for the files of published models.
package enum ModelFinder {
    /// What is opened of a published model: in the folder `PERCEPT_MODELS`, or in the Hugging Face cache.
    package static func find(_ model: PublishedModel) -> String? {
        if let folder = Arguments.variable("PERCEPT_MODELS") {
            for name in model.fileNames where Files.exists(FileName.joined(folder, name)) {
                return FileName.joined(folder, name)
            }
        }
        let cache = HubCache(environment: ProcessInfo.processInfo.environment)
        for id in model.repositories {
            guard let repository = try? HubRepository(id), let snapshot = cache.snapshot(of: repository) else {
                continue
            }
            for mark in model.marks
            where FileManager.default.fileExists(atPath: snapshot.appending(path: mark.file).path) {
                return mark.opened.isEmpty ? snapshot.path : snapshot.appending(path: mark.opened).path
            }
        }
        return nil
    }

    /// What is opened of the published model of a family that is called `name`.
    ///
    /// - Throws: ``NoSuchModel``, and ``ModelNotHere``.
    static func path(of name: String, _ family: PublishedModel.Family) throws -> String {
        guard let model = PublishedModel.named(name), model.family == family else {
            throw NoSuchModel(name, wanted: family)
        }
        guard let path = find(model) else {
            throw ModelNotHere(name: model.name, repository: model.repositories[0])
        }
        return path
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
