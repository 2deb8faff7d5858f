/// All three Perception Language Models, small to large. The largest is published without stretched positions, although
/// its base model has them.
let publishedLanguageModels: [PublishedModel] = [
    plm("1B", dim: 2048, layers: 16, heads: 32, hidden: 8192, isTied: true, tower: "PE-Lang-L14-448", factor: 32),
    plm("3B", dim: 3072, layers: 28, heads: 24, hidden: 8192, isTied: true, tower: "PE-Lang-L14-448", factor: 32),
    plm("8B", dim: 4096, layers: 32, heads: 32, hidden: 14336, isTied: false, tower: "PE-Lang-G14-448", factor: nil),
].compactMap(\.self)

/// - Parameter tower: the published encoder that sees.
private func plm(
    _ size: String, dim: Int, layers: Int, heads: Int, hidden: Int, isTied: Bool, tower: String, factor: Double?
) -> PublishedModel? {
    guard let vision = publishedEncoders.compactMap(\.encoder).first(where: { $0.name == tower })?.vision else {
        return nil
    }
    let language = LanguageConfig(
        dim: dim, layers: layers, heads: heads, kvHeads: 8, headSize: dim / heads, hidden: hidden,
        vocabulary: 128256, isTied: isTied, ropeTheta: 500_000,
        ropeScaling: factor.map { LanguageConfig.RopeScaling(factor: $0) }, normEpsilon: 1e-5, maxPositions: 11520)
    let config = PLMConfig(
        name: "PLM-\(size)", language: language, vision: vision, poolingRatio: 2, visionInput: .thumbnailAndTiles,
        maxTiles: 36, maxFrames: 32)
    // transformers' files lie in the root of the repository, the original's in `original`.
    let release = PublishedModel.Release(repository: "facebook/Perception-LM-\(size)", spellings: [config.name])
    return PublishedModel(architecture: .language(config), releases: [release], timmArchitecture: nil)
}

extension PLMConfig {
    /// The published model with this architecture, whatever it is called.
    var published: PLMConfig? {
        PublishedModel.languageModels.first { $0.language == language && $0.vision == vision }
    }
}
