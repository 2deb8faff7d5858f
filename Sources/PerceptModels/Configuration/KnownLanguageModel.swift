/// A published Perception Language Model.
package struct KnownLanguageModel: Sendable, Hashable {
    package let config: PLMConfig
    /// Its size as the names have it.
    let size: String

    package var name: String { config.name }
    /// The repository of the weights on the Hugging Face hub: transformers' in its root, the original's in `original`.
    package var repository: String { "facebook/Perception-LM-\(size)" }

    /// The model called `name`, such as `PLM-1B` or `facebook/Perception-LM-1B`, in any case, with or without owner.
    package static func named(_ name: String) -> KnownLanguageModel? {
        let wanted = (name.split(separator: "/").last.map(String.init) ?? name).lowercased()
        return all.first { ["plm-\($0.size)", "perception-lm-\($0.size)"].contains { $0.lowercased() == wanted } }
    }

    /// The published model with this architecture, whatever it is called.
    static func matching(_ config: PLMConfig) -> KnownLanguageModel? {
        all.first { $0.config.language == config.language && $0.config.vision == config.vision }
    }

    /// All three, small to large. The largest is published without stretched positions, although its base model has them.
    package static let all: [KnownLanguageModel] = [
        model("1B", dim: 2048, layers: 16, heads: 32, hidden: 8192, isTied: true, tower: "PE-Lang-L14-448", factor: 32),
        model("3B", dim: 3072, layers: 28, heads: 24, hidden: 8192, isTied: true, tower: "PE-Lang-L14-448", factor: 32),
        model(
            "8B", dim: 4096, layers: 32, heads: 32, hidden: 14336, isTied: false, tower: "PE-Lang-G14-448", factor: nil),
    ].compactMap(\.self)

    private static func model(
        _ size: String, dim: Int, layers: Int, heads: Int, hidden: Int, isTied: Bool, tower: String, factor: Double?
    ) -> KnownLanguageModel? {
        guard let vision = KnownModel.named(tower)?.config.vision else { return nil }
        let language = LanguageConfig(
            dim: dim, layers: layers, heads: heads, kvHeads: 8, headSize: dim / heads, hidden: hidden,
            vocabulary: 128256, isTied: isTied, ropeTheta: 500_000,
            ropeScaling: factor.map { LanguageConfig.RopeScaling(factor: $0) }, normEpsilon: 1e-5, maxPositions: 11520)
        let config = PLMConfig(
            name: "PLM-\(size)", language: language, vision: vision, poolingRatio: 2, visionInput: .thumbnailAndTiles,
            maxTiles: 36, maxFrames: 32)
        return KnownLanguageModel(config: config, size: size)
    }
}
