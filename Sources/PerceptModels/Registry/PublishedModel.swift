/// A published model: what it is, what it is called, and where it is published.
package struct PublishedModel: Sendable, Hashable {
    /// What a model is for.
    package enum Family: Sendable, Hashable, CustomStringConvertible {
        case encoder
        case language

        package var description: String {
            switch self {
            case .encoder: "Perception Encoder"
            case .language: "language model"
            }
        }
    }

    /// What a model is made of.
    package enum Architecture: Sendable, Hashable {
        case encoder(EncoderConfig)
        case language(PLMConfig)
    }

    /// A repository of the Hugging Face hub that has the weights in one layout.
    struct Release: Sendable, Hashable {
        /// `OWNER/NAME`.
        let repository: String
        /// What the release is called besides the repository's own name.
        let spellings: [String]

        /// Whether `name`, in any case, with or without owner, means this release.
        func isCalled(_ name: String) -> Bool {
            let wanted = Self.bare(name)
            return ([repository] + spellings).contains { Self.bare($0) == wanted }
        }

        private static func bare(_ name: String) -> String {
            (name.split(separator: "/").last.map(String.init) ?? name).lowercased()
        }
    }

    package let architecture: Architecture
    /// The original one first.
    let releases: [Release]
    /// The architecture's name in timm, for encoders.
    package let timmArchitecture: String?

    package var name: String {
        switch architecture {
        case .encoder(let config): config.name
        case .language(let config): config.name
        }
    }

    package var family: Family {
        switch architecture {
        case .encoder: .encoder
        case .language: .language
        }
    }

    /// `core`, `lang` or `spatial` of encoders; `plm` of language models.
    package var kind: String {
        switch architecture {
        case .encoder(let config): config.name.split(separator: "-")[1].lowercased()
        case .language: "plm"
        }
    }

    package var parameterCount: Int {
        switch architecture {
        case .encoder(let config): config.parameterCount
        case .language(let config): config.parameterCount
        }
    }

    package var encoder: EncoderConfig? { if case .encoder(let config) = architecture { config } else { nil } }

    package var language: PLMConfig? { if case .language(let config) = architecture { config } else { nil } }

    // MARK: Places

    /// The repositories that have the weights, the original one first.
    package var repositories: [String] { releases.map(\.repository) }

    /// The repository that a name means: the original's unless the name is another release's.
    package func repository(called name: String) -> String {
        (releases.first { $0.isCalled(name) } ?? releases[0]).repository
    }

    /// What its file or directory is called in a folder of models.
    package var fileNames: [String] {
        switch architecture {
        case .encoder: ["\(name).pt", name]
        case .language: [name, String(releases[0].repository.drop { $0 != "/" }.dropFirst())]
        }
    }

    /// Files one of which a copy of a repository has, each with what is opened then: a path in the copy, empty for itself.
    package var marks: [(file: String, opened: String)] {
        switch architecture {
        case .encoder: [("\(name).pt", "\(name).pt"), ("model.safetensors", "")]
        // A pull of the original layout alone leaves nothing in the root.
        case .language: [("config.json", ""), ("original/params.json", "original")]
        }
    }

    // MARK: All

    /// All published models, small to large within each kind.
    package static let all = publishedEncoders + publishedLanguageModels

    package static var encoders: [EncoderConfig] { all.compactMap(\.encoder) }
    package static var languageModels: [PLMConfig] { all.compactMap(\.language) }

    /// The model called `name` by one of its publishers, in any case, with or without owner.
    package static func named(_ name: String) -> PublishedModel? {
        all.first { $0.releases.contains { $0.isCalled(name) } }
    }

    /// The encoder whose architecture has a name in timm.
    ///
    /// - Parameter tag: which of several that share the architecture, as timm's repositories say behind the dot; the first
    ///   where none has it.
    static func timm(_ architecture: String, tag: String? = nil) -> EncoderConfig? {
        let models = all.filter { $0.timmArchitecture == architecture }
        let tagged = models.first { $0.repositories.contains("timm/\(architecture).\(tag ?? "")") }
        return (tagged ?? models.first)?.encoder
    }
}
