/// A published Perception Encoder and the names it has in the places it is published.
package struct KnownModel: Sendable, Hashable {
    package let config: ModelConfig
    /// The architecture name in timm.
    package let timmArchitecture: String
    /// The repository of the timm weights on the Hugging Face hub.
    package let timmRepository: String
    /// The model name in open_clip, for models with a text tower.
    package let openCLIPName: String?

    package var name: String { config.name }
    /// The repository of the original weights on the Hugging Face hub.
    package var repository: String { "facebook/\(name)" }

    /// The model called `name`, in its original, timm or open_clip spelling, in any case, with or without owner.
    package static func named(_ name: String) -> KnownModel? {
        let wanted = (name.split(separator: "/").last.map(String.init) ?? name).lowercased()
        return all.first { model in
            let timm = model.timmRepository.dropFirst("timm/".count)
            return [model.name, String(timm), model.timmArchitecture, model.openCLIPName ?? model.name].contains {
                $0.lowercased() == wanted
            }
        }
    }

    /// All fourteen, small to large within each family.
    package static let all: [KnownModel] = [
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

    private static func core(
        _ name: String, _ body: VisionConfig, output: Int, text: TextConfig, _ timm: String, _ openCLIP: String
    ) -> KnownModel {
        var vision = body
        vision.pool = .attention(heads: 8)
        vision.outputDim = output
        vision.hasPostNorm = true
        return KnownModel(
            config: ModelConfig(name: name, vision: vision, text: text), timmArchitecture: "vit_pe_core_\(timm)",
            timmRepository: "timm/vit_pe_core_\(timm).fb", openCLIPName: openCLIP)
    }

    private static func lang(
        _ name: String, _ body: VisionConfig, layers: Int, _ timm: String, _ tag: String
    ) -> KnownModel {
        var vision = body.scaled
        vision.layers = layers
        return KnownModel(
            config: ModelConfig(name: name, vision: vision, text: nil), timmArchitecture: "vit_pe_lang_\(timm)",
            timmRepository: "timm/vit_pe_lang_\(timm).fb\(tag)", openCLIPName: nil)
    }

    private static func spatial(_ name: String, _ body: VisionConfig, _ timm: String) -> KnownModel {
        KnownModel(
            config: ModelConfig(name: name, vision: body, text: nil), timmArchitecture: "vit_pe_spatial_\(timm)",
            timmRepository: "timm/vit_pe_spatial_\(timm).fb", openCLIPName: nil)
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

    /// The same tower with LayerScale.
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
