import PerceptHubCache

/// Which files of a repository the engine reads.
package enum FileSelection {
    /// Configurations, preprocessing, tokenizers and chat templates, in every layout that is read.
    private static let sideFiles: Set<String> = [
        "config.json", "open_clip_config.json", "params.json", "preprocessor_config.json", "processor_config.json",
        "image_processor_config.json", "video_preprocessor_config.json", "generation_config.json", "tokenizer.json",
        "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json", "vocab.json",
        "vocab.txt", "merges.txt", "chat_template.json", "chat_template.jinja",
    ]

    /// The names to fetch, out of all `names` of the repository called `repository`.
    ///
    /// Weights are often there twice or more; of those, one kind is taken: the original release's own file, then
    /// safetensors (one or sharded), then PyTorch's, in the order in which the engine looks for them in a directory.
    ///
    /// - Parameter folder: the directory to look in, with its slash; empty for the top.
    /// - Returns: the names, empty if there are no weights.
    package static func files(_ names: [String], repository: String, folder: String = "") -> [String] {
        let here = names.filter {
            $0.hasPrefix(folder) && SafeName.parts(String($0.dropFirst(folder.count))).count == 1
        }
        .map { String($0.dropFirst(folder.count)) }
        let weights = weights(here, repository)
        guard !weights.isEmpty else { return [] }
        let chosen = here.filter { name in
            weights.contains(name) || sideFiles.contains(name) || name == "\(repository).json"
        }
        return chosen.map { folder + $0 }
    }

    /// False if weights are in parts, "-00001-of-00004", and some of them are not among `names`.
    static func isComplete(_ names: [String]) -> Bool {
        guard !names.isEmpty else { return false }
        let counts = names.compactMap { name -> Int? in
            guard let range = name.ranges(of: "-of-").last else { return nil }
            return Int(name[range.upperBound...].prefix { $0.isNumber })
        }
        return counts.allSatisfy { $0 == counts.count }
    }

    private static func weights(_ names: [String], _ repository: String) -> Set<String> {
        if names.contains("\(repository).pt") { return ["\(repository).pt"] }
        for stem in ["model", "pytorch_model"] {
            let suffix = stem == "model" ? ".safetensors" : ".bin"
            let index = "\(stem)\(suffix).index.json"
            let shards = names.filter { $0.hasPrefix("\(stem)-") && $0.contains("-of-") && $0.hasSuffix(suffix) }
            if names.contains(index), !shards.isEmpty { return Set(shards + [index]) }
            let single = stem == "model" ? [stem + suffix, "open_clip_model.safetensors"] : [stem + suffix]
            if let name = single.first(where: names.contains) { return [name] }
            let others = names.filter { $0.hasSuffix(".safetensors") }
            if !others.isEmpty { return Set(others) }
        }
        if names.contains("open_clip_pytorch_model.bin") { return ["open_clip_pytorch_model.bin"] }
        return Set(names.filter { $0.hasSuffix(".pth") || $0.hasSuffix(".pt") })
    }
}
