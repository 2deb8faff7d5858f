/// All fourteen Perception Encoders, small to large within each kind.
let publishedEncoders: [PublishedModel] = [
    core("PE-Core-T16-384", .tiny16(384), output: 512, text: .base512, "tiny_patch16_384", "PE-Core-T-16-384"),
    core("PE-Core-S16-384", .small16(384), output: 512, text: .base512, "small_patch16_384", "PE-Core-S-16-384"),
    core("PE-Core-B16-224", .base16(224), output: 1024, text: .large1024, "base_patch16_224", "PE-Core-B-16"),
    core("PE-Core-L14-336", .large14(336), output: 1024, text: .large1024, "large_patch14_336", "PE-Core-L-14-336"),
    core(
        "PE-Core-G14-448", .gigantic14(448), output: 1280, text: .huge1280, "gigantic_patch14_448",
        "PE-Core-bigG-14-448"),
    lang("PE-Lang-L14-448", .large14(448), layers: 23, "large_patch14_448", ""),
    lang("PE-Lang-L14-448-Tiling", .large14(448), layers: 23, "large_patch14_448", "_tiling"),
    lang("PE-Lang-G14-448", .gigantic14(448), layers: 47, "gigantic_patch14_448", ""),
    lang("PE-Lang-G14-448-Tiling", .gigantic14(448), layers: 47, "gigantic_patch14_448", "_tiling"),
    spatial("PE-Spatial-T16-512", .tiny16(512), "tiny_patch16_512"),
    spatial("PE-Spatial-S16-512", .small16(512), "small_patch16_512"),
    spatial("PE-Spatial-B16-512", .base16(512), "base_patch16_512"),
    spatial("PE-Spatial-L14-448", .large14(448), "large_patch14_448"),
    spatial("PE-Spatial-G14-448", .gigantic14(448).scaled, "gigantic_patch14_448"),
]

/// Contrastively trained towers of images and texts.
private func core(
    _ name: String, _ body: VisionConfig, output: Int, text: TextConfig, _ timm: String, _ openCLIP: String
) -> PublishedModel {
    var vision = body
    vision.pool = .attention(heads: 8)
    vision.outputDim = output
    vision.hasPostNorm = true
    let config = EncoderConfig(name: name, vision: vision, text: text)
    return PublishedModel(config, timm: "vit_pe_core_\(timm)", tag: "fb", openCLIP: openCLIP)
}

/// Towers for language models.
private func lang(_ name: String, _ body: VisionConfig, layers: Int, _ timm: String, _ tag: String) -> PublishedModel {
    var vision = body.scaled
    vision.layers = layers
    let config = EncoderConfig(name: name, vision: vision, text: nil)
    return PublishedModel(config, timm: "vit_pe_lang_\(timm)", tag: "fb\(tag)")
}

/// Towers for tasks that ask where something is.
private func spatial(_ name: String, _ body: VisionConfig, _ timm: String) -> PublishedModel {
    let config = EncoderConfig(name: name, vision: body, text: nil)
    return PublishedModel(config, timm: "vit_pe_spatial_\(timm)", tag: "fb")
}

extension PublishedModel {
    /// - Parameters:
    ///   - timm: the architecture's name in timm, whose repositories have it with a tag behind a dot.
    ///   - openCLIP: the model's name in open_clip, for models with a text tower.
    fileprivate init(_ config: EncoderConfig, timm: String, tag: String, openCLIP: String? = nil) {
        architecture = .encoder(config)
        timmArchitecture = timm
        releases = [
            Release(repository: "facebook/\(config.name)", spellings: [openCLIP].compactMap(\.self)),
            Release(repository: "timm/\(timm).\(tag)", spellings: [timm]),
        ]
    }
}

extension VisionConfig {
    /// A tower that returns its tokens: the body all families build on.
    private static func body(
        image: Int, patch: Int, width: Int, layers: Int, heads: Int, hidden: Int, classToken: Bool
    ) -> VisionConfig {
        VisionConfig(
            imageSize: image, patchSize: patch, width: width, layers: layers, heads: heads, mlpHidden: hidden,
            hasClassToken: classToken, pool: .none, outputDim: nil, hasPreNorm: true, hasPostNorm: false,
            hasLayerScale: false)
    }

    fileprivate static func tiny16(_ image: Int) -> VisionConfig {
        body(image: image, patch: 16, width: 192, layers: 12, heads: 3, hidden: 768, classToken: true)
    }

    fileprivate static func small16(_ image: Int) -> VisionConfig {
        body(image: image, patch: 16, width: 384, layers: 12, heads: 6, hidden: 1536, classToken: true)
    }

    fileprivate static func base16(_ image: Int) -> VisionConfig {
        body(image: image, patch: 16, width: 768, layers: 12, heads: 12, hidden: 3072, classToken: true)
    }

    fileprivate static func large14(_ image: Int) -> VisionConfig {
        body(image: image, patch: 14, width: 1024, layers: 24, heads: 16, hidden: 4096, classToken: true)
    }

    fileprivate static func gigantic14(_ image: Int) -> VisionConfig {
        body(image: image, patch: 14, width: 1536, layers: 50, heads: 16, hidden: 8960, classToken: false)
    }

    /// This tower with LayerScale.
    fileprivate var scaled: VisionConfig {
        var copy = self
        copy.hasLayerScale = true
        return copy
    }
}

extension TextConfig {
    fileprivate static let base512 = TextConfig(
        context: 32, width: 512, heads: 8, layers: 12, mlpHidden: 2048, vocabulary: 49408, outputDim: 512)
    fileprivate static let large1024 = TextConfig(
        context: 32, width: 1024, heads: 16, layers: 24, mlpHidden: 4096, vocabulary: 49408, outputDim: 1024)
    fileprivate static let huge1280 = TextConfig(
        context: 72, width: 1280, heads: 20, layers: 24, mlpHidden: 5120, vocabulary: 49408, outputDim: 1280)
}
