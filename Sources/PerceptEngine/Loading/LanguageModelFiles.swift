import CPerceptData
package import Foundation
package import PerceptCheckpoint
import PerceptFiles
import PerceptJSON
package import PerceptModels

/// A language model's checkpoint, and what lies beside it.
package struct LanguageModelFiles {
    package let checkpoint: PLMCheckpoint
    /// Configurations, tokenizer and the like, by name.
    package let others: [String: Other]

    /// A file beside the weights: in their directory, or inside the library.
    package enum Other: Sendable {
        case stored(path: String)
        case embedded(MappedFile)

        package func bytes() throws -> Data {
            switch self {
            case .stored(let path): Data(try Files.contents(path, limit: .max) ?? [])
            case .embedded(let file): Data(file.bytes)
            }
        }
    }

    /// - Throws: ``Refusal`` of kind missingInput for a published model that is not here; errors of the files. Made-up
    ///   weights have none, and are refused.
    package init(_ source: ModelOrigin) throws {
        switch source {
        case .demo: try self.init(embedded: "demo")
        case .path(let path): try self.init(contentsOf: path)
        case .named(let name):
            try self.init(contentsOf: try ModelFinder.path(of: name, .language))
        case .random(let name): throw Refusal(.usage, "made-up weights of \(name) are in no file")
        }
    }

    /// What either layout has beside its weights.
    private static let names = [
        "config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json",
        "video_preprocessor_config.json", "tokenizer.json", "tokenizer.model", "tokenizer_config.json",
        "special_tokens_map.json", "added_tokens.json", "chat_template.json", "chat_template.jinja", "LICENSE",
        "LICENSE.md", "LICENSE.txt", "NOTICE", "USE_POLICY.md",
    ]

    private init(contentsOf path: String) throws {
        checkpoint = try PLMCheckpoint(contentsOf: path)
        var others: [String: Other] = [:]
        for name in Self.names {
            let path = FileName.joined(checkpoint.directory, name)
            if Files.exists(path) { others[name] = .stored(path: path) }
        }
        self.others = others
    }

    /// The captioner inside the library.
    private init(embedded name: String) throws {
        func file(_ file: String, _ data: PerceptData) -> MappedFile {
            MappedFile(
                resource: "\(name)/\(file)", bytes: UnsafeRawBufferPointer(start: data.bytes, count: data.count))
        }
        func json(_ name: String) throws -> JSON? { try others[name].map { try JSON($0.bytes, file: $0.path) } }
        let others: [String: MappedFile] = [
            "config.json": percept_captioner_config(), "processor_config.json": percept_captioner_processor(),
            "preprocessor_config.json": percept_captioner_preprocessor(),
            "video_preprocessor_config.json": percept_captioner_video_preprocessor(),
            "tokenizer.json": percept_captioner_tokenizer(),
        ].reduce(into: [:]) { $0[$1.key] = file($1.key, $1.value) }
        let config = try PLMConfig(
            transformers: json("config.json") ?? .null, processor: json("processor_config.json"),
            preprocessor: json("preprocessor_config.json"),
            videoPreprocessor: json("video_preprocessor_config.json"), name: name)
        checkpoint = try PLMCheckpoint(
            Checkpoint(resource: file("model.safetensors", percept_captioner_model())), config: config)
        self.others = others.mapValues { .embedded($0) }
    }
}
