#if Media || Hub
    import Foundation
    import PerceptEngine
    import PerceptHub
    import PerceptHubCache
    import PerceptModels

    /// A model that ``ModelHub`` has fetched.
    public struct PulledModel: Sendable, Hashable {
        /// A file of it.
        public struct File: Sendable, Hashable {
            /// Relative to the snapshot in the cache.
            public let name: String
            public let bytes: Int
            /// Bytes that had to come over the network; 0 if it was there.
            public let transferredBytes: Int
        }

        /// The repository on the hub: `facebook/PE-Core-L14-336`.
        public let repository: String
        /// The commit that the revision named.
        public let commit: String
        /// What ``ModelSource/path(_:)`` takes: a file, or a directory.
        public let path: String
        public let files: [File]
    }

    /// Something that happens while a model is fetched.
    public enum PullEvent: Sendable, Hashable {
        /// Bytes that are there and bytes of all files together.
        case progress(done: Int, total: Int)
        /// Another process is fetching the file; it is waited for.
        case waiting(file: String)
        /// Bytes read of files that are there already, to compare their hashes with the hub's.
        case verifying(done: Int, total: Int)
        /// What was there of the file is not what the hub has; it is fetched anew.
        case damaged(file: String)
        /// A request failed and is sent again after `delay`.
        case retry(what: String, reason: String, delay: Duration)
    }

    /// What becomes of files that are in the cache already.
    public enum PresentFiles: Sendable, Hashable {
        /// A file whose contents were not compared with its hash since it last changed is compared; that is noted in
        /// `$XDG_CACHE_HOME/percept/verified`. What is damaged is fetched anew.
        case verifiedOnce
        /// All are compared, which reads them.
        case verified
        /// All are fetched anew.
        case replaced
    }

    /// The Hugging Face hub, where weights are published.
    public enum ModelHub {
        /// Fetches a model into the cache that all clients of the hub share, where ``ModelSource/named(_:)`` finds it.
        ///
        /// Files that are there are not fetched again unless they are damaged, and those of an interrupted pull are
        /// completed. Nothing appears in the cache under its final name before its hash is right. Where the cache's file
        /// system has no symbolic links, files are in the snapshot itself. The environment variables of huggingface_hub are
        /// heeded: `HF_HOME`, `HF_HUB_CACHE`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`, `HF_HUB_DOWNLOAD_TIMEOUT`,
        /// `HF_HUB_DISABLE_SYMLINKS`; so are `SSL_CERT_FILE`, `SSL_CERT_DIR`, `REQUESTS_CA_BUNDLE` and `CURL_CA_BUNDLE`, of
        /// which the first that is set names the authorities to trust, and the usual ones for proxies.
        ///
        /// - Parameters:
        ///   - name: a published name, in Meta's, timm's or open_clip's spelling, or `OWNER/NAME` on the hub.
        ///   - revision: a branch, a tag or a commit; models are found by name only at `main`.
        ///   - original: of a language model, the files of Meta's own code instead of those of transformers.
        ///   - present: what becomes of files that are there.
        ///   - onEvent: called from any thread.
        /// - Throws: ``PerceptError``: ``PerceptError/Code/usage`` for a name that cannot be one, `missingInput` for what the
        ///   hub does not have, `noPermission` for what it does not give or the cache does not take, `unavailable` without
        ///   network, `temporary` when another attempt may do, `badData` for damaged or hostile answers.
        public static func pull(
            _ name: String, revision: String = "main", original: Bool = false, present: PresentFiles = .verifiedOnce,
            onEvent: @escaping @Sendable (PullEvent) -> Void = { _ in }
        ) async throws(PerceptError) -> PulledModel {
            do {
                let settings = try HubSettings(environment: ProcessInfo.processInfo.environment)
                let pull = try HubPull(
                    try repository(named: name), revision: revision, original: original,
                    present: PerceptHub.PresentFiles(present), settings: settings
                ) { onEvent(PullEvent($0)) }
                return PulledModel(try await pull.run(), original: original)
            } catch HubError.repositoryMissing(let id, let hasToken) {
                let error = HubError.repositoryMissing(id: id, hasToken: hasToken)
                throw PerceptError(.missingInput, error.description + suggestion(id, among: repositories), cause: error)
            } catch { throw PerceptError(error) }
        }

        private static var repositories: [String] { PublishedModel.all.flatMap(\.repositories) }

        /// The repository of what a user typed.
        static func repository(named name: String) throws -> HubRepository {
            if name.contains("/") { return try HubRepository(name) }
            guard let model = PublishedModel.named(name) else {
                throw PerceptError(
                    .usage,
                    "no published model is called \(name)\(suggestion(name, among: PublishedModel.all.map(\.name)))"
                        + "; others are OWNER/NAME")
            }
            return try HubRepository(model.repository(called: name))
        }

        private static func suggestion(_ name: String, among names: [String]) -> String {
            let near = NearNames.of(name, in: names.filter { $0 != name })
            return near.isEmpty ? "" : "; near names: \(near.joined(separator: ", "))"
        }
    }

    extension PulledModel {
        fileprivate init(_ snapshot: HubSnapshot, original: Bool) {
            repository = snapshot.repository.id
            commit = snapshot.commit
            path =
                original
                ? snapshot.folder.appending(path: "original").path
                : ModelFinder.location(snapshot.repository, snapshot.folder)
            files = snapshot.files.map { File(name: $0.name, bytes: $0.bytes, transferredBytes: $0.transferred) }
        }
    }

    extension PerceptHub.PresentFiles {
        fileprivate init(_ present: PresentFiles) {
            self =
                switch present {
                case .verifiedOnce: .verifiedOnce
                case .verified: .verified
                case .replaced: .replaced
                }
        }
    }

    extension PullEvent {
        fileprivate init(_ event: HubEvent) {
            switch event {
            case .progress(let done, let total): self = .progress(done: done, total: total)
            case .verifying(let done, let total): self = .verifying(done: done, total: total)
            case .damaged(let file): self = .damaged(file: file)
            case .waiting(let file): self = .waiting(file: file)
            case .retry(let what, let reason, let delay): self = .retry(what: what, reason: reason, delay: delay)
            }
        }
    }
#endif
