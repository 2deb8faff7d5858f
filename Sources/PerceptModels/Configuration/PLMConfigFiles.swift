import Foundation
package import PerceptCheckpoint
import PerceptFiles
package import PerceptJSON

extension PLMConfig {
    /// Reads the original's `params.json` (perception_models: `apps/plm/generate.py`).
    ///
    /// The file says nothing of token ids: the special tokens are the last 256 of the vocabulary and the image's is the
    /// third of them (`apps/plm/tokenizer.py`). `image_token_id` and `video_token_id` in `data`, which the original does
    /// not know, outweigh that.
    package init(paramsFile path: String, name: String) throws(CheckpointError) {
        let root = ConfigFields(json: try JSON(contentsOf: path), file: path)
        let model = try root.object("model") ?? root
        let data = try root.object("data") ?? ConfigFields(json: .null, file: path)
        guard let tower = try model.object("vision_model") else { throw model.fault("vision_model", "an object") }
        self.name = name
        language = try LanguageConfig(params: model)
        vision = try VisionConfig(side: tower)
        poolingRatio = try model.integer("pooling_ratio") ?? 1
        let side = try data.integer("image_res") ?? vision.imageSize
        try requireEqual("image_res", side, "the tower's image_size", vision.imageSize, path)
        visionInput = try VisionInput(data)
        maxTiles = try data.integer("max_num_tiles") ?? 36
        maxFrames = try data.integer("max_video_frames") ?? 32
        transform = .plm
        imageToken = "<|image|>"
        imageTokenID = try data.integer("image_token_id") ?? language.vocabulary - 254
        videoTokenID = try data.integer("video_token_id") ?? imageTokenID
        try validate(path)
    }

    /// Reads transformers' `config.json` and what lies beside it of `processor_config.json` (transformers 5 has the image
    /// and the video processor in it), `preprocessor_config.json` and `video_preprocessor_config.json` (older).
    package init(transformersDirectory directory: String, name: String) throws(CheckpointError) {
        let path = directory + "/config.json"
        try self.init(
            root: ConfigFields(json: try JSON(contentsOf: path), file: path),
            processor: try Self.fields(directory + "/processor_config.json"),
            older: try Self.fields(directory + "/preprocessor_config.json"),
            video: try Self.fields(directory + "/video_preprocessor_config.json"), name: name)
    }

    /// The same from files in memory, each called by its name in messages.
    package init(
        transformers config: JSON, processor: JSON?, preprocessor: JSON?, videoPreprocessor: JSON?, name: String
    ) throws(CheckpointError) {
        try self.init(
            root: ConfigFields(json: config, file: "\(name)/config.json"),
            processor: processor.map { ConfigFields(json: $0, file: "\(name)/processor_config.json") },
            older: preprocessor.map { ConfigFields(json: $0, file: "\(name)/preprocessor_config.json") },
            video: videoPreprocessor.map { ConfigFields(json: $0, file: "\(name)/video_preprocessor_config.json") },
            name: name)
    }

    private init(
        root: ConfigFields, processor: ConfigFields?, older: ConfigFields?, video: ConfigFields?, name: String
    ) throws(CheckpointError) {
        let path = root.file
        guard let text = try root.object("text_config"), let tower = try root.object("vision_config") else {
            throw root.fault("text_config, vision_config", "a pair of objects")
        }
        self.name = name
        language = try LanguageConfig(transformers: text, tied: try root.bool("tie_word_embeddings"))
        vision = try VisionConfig(timmWrapper: tower)
        let strips = try root.bool("vision_use_cls_token") ?? true
        guard strips == vision.hasClassToken else {
            throw .malformed(
                file: path,
                reason: "'vision_use_cls_token' is \(strips), but the tower has \(strips ? "no" : "a") class token")
        }
        poolingRatio = try root.integer("projector_pooling_ratio") ?? 1
        imageTokenID = try root.integer("image_token_id") ?? 128002
        videoTokenID = try root.integer("video_token_id") ?? 128003
        imageToken = "<|image|>"
        // 32 is what the released models were trained with; transformers leaves the number to the caller.
        maxFrames = try (processor?.object("video_processor") ?? video)?.integer("num_frames") ?? 32
        if let processor {
            let patch = try processor.integer("patch_size") ?? vision.patchSize
            try requireEqual("patch_size", patch, "the tower's", vision.patchSize, processor.file)
            let ratio = try processor.integer("pooling_ratio") ?? poolingRatio
            try requireEqual("pooling_ratio", ratio, "the projector's", poolingRatio, processor.file)
            imageToken = try processor.string("image_token") ?? imageToken
        }
        let images =
            try processor?.object("image_processor") ?? older ?? processor ?? ConfigFields(json: .null, file: path)
        let tile = try images.integer("tile_size") ?? vision.imageSize
        try requireEqual("tile_size", tile, "the tower's image size", vision.imageSize, images.file)
        visionInput = try VisionInput(images)
        maxTiles = try images.integer("max_num_tiles") ?? 36
        transform = try ImageTransform(processor: images)
        try validate(path)
    }

    /// The object in the file at `path`; nil when there is no file.
    private static func fields(_ path: String) throws(CheckpointError) -> ConfigFields? {
        guard Files.exists(path) else { return nil }
        return ConfigFields(json: try JSON(contentsOf: path), file: path)
    }
}

extension PLMConfig.VisionInput {
    /// The released models' way unless the fields say otherwise.
    fileprivate init(_ fields: ConfigFields) throws(CheckpointError) {
        let name = try fields.string("vision_input_type") ?? Self.thumbnailAndTiles.rawValue
        guard let input = Self(rawValue: name) else {
            throw .unsupported(file: fields.file, feature: "the vision_input_type '\(name)'")
        }
        self = input
    }
}

extension VisionConfig {
    /// Reads the `vision_config` of a model whose tower is one of timm's: an architecture and what differs from it.
    ///
    /// transformers builds the tower without a head, so pooling and classes do not count.
    fileprivate init(timmWrapper fields: ConfigFields) throws(CheckpointError) {
        let stated = try fields.string("architecture") ?? ""
        let architecture = stated.split(separator: ".").first.map(String.init) ?? stated
        guard let model = PublishedModel.timm(architecture) else {
            throw .unsupported(file: fields.file, feature: "the architecture '\(stated)'")
        }
        self = model.vision
        var reference = gridSize
        if let arguments = try fields.object("model_args") {
            try apply(timm: arguments)
            reference = try arguments.side("ref_feat_shape") ?? reference
        }
        pool = .none
        outputDim = nil
        try validate(fields.file)
        // timm rescales rotary positions where the two differ; the original never does.
        try requireEqual("ref_feat_shape", reference, "the grid of patches", gridSize, fields.file)
    }
}

extension ImageTransform {
    /// What an image processor of transformers does to pixels, as far as it differs from ``plm``.
    init(processor fields: ConfigFields) throws(CheckpointError) {
        self = .plm
        // The numbers are Pillow's.
        switch try fields.integer("resample") {
        case nil, 3: break
        case 2: filter = .bilinear
        case .some(let other): throw .unsupported(file: fields.file, feature: "the resample \(other)")
        }
        mean = try fields.channels("image_mean") ?? mean
        deviation = try fields.channels("image_std") ?? deviation
        guard deviation.allSatisfy({ $0 > 0 }) else { throw fields.fault("image_std", "three positive numbers") }
    }
}

extension ConfigFields {
    /// A finite value for each of three channels.
    fileprivate func channels(_ name: String) throws(CheckpointError) -> [Float]? {
        guard let value = json[name] else { return nil }
        let numbers = (value.array ?? []).compactMap(\.number).map { Float($0) }.filter(\.isFinite)
        guard numbers.count == 3, value.array?.count == 3 else { throw fault(name, "three numbers") }
        return numbers
    }
}

private func requireEqual(
    _ field: String, _ value: Int, _ other: String, _ expected: Int, _ file: String
) throws(CheckpointError) {
    guard value == expected else {
        throw .malformed(file: file, reason: "'\(field)' is \(value), \(other) is \(expected)")
    }
}
