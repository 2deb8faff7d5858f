import Foundation
package import PerceptCheckpoint
import PerceptFiles

/// A Perception Encoder read from files in any published layout: its configuration, and its tensors under the names
/// of ``ModelConfig/weights``, all there and of the right shape.
package struct PECheckpoint: Sendable {
    package let config: ModelConfig
    /// Views into the mapped files; nothing is converted or copied yet.
    package let weights: Checkpoint

    /// Opens a file or directory.
    ///
    /// The configuration comes from the JSON beside the weights (`<stem>.json` with `vision` and `text`, open_clip's
    /// `open_clip_config.json`, timm's `config.json`), else from the name of the file or its directory when that is a
    /// published model, else from the shapes of the tensors.
    ///
    /// - Throws: ``CheckpointError`` for a file that cannot be read, a configuration that contradicts the tensors, and
    ///   a missing, misshapen or superfluous tensor.
    package init(contentsOf path: String) throws(CheckpointError) {
        let file = try CheckpointLocation.weights(at: path)[0]
        let checkpoint = try Checkpoint(contentsOf: path)
        let naming = try Naming(of: checkpoint)
        try self.init(checkpoint, naming: naming, name: Self.stem(file)) { inferred throws(CheckpointError) in
            try Self.statedConfig(file: file, naming: naming, inferred: inferred)
        }
    }

    /// Checks weights whose configuration the caller knows, such as those linked into the executable.
    package init(_ checkpoint: Checkpoint, config: ModelConfig) throws(CheckpointError) {
        let source = "the configuration of \(config.name)"
        try self.init(checkpoint, naming: try Naming(of: checkpoint), name: config.name) { _ in (config, source) }
    }

    private init(
        _ checkpoint: Checkpoint, naming: Naming, name: String,
        stated: (VisionConfig) throws(CheckpointError) -> (config: ModelConfig, source: String)?
    ) throws(CheckpointError) {
        weights = try naming.canonical(checkpoint)
        var inferred = ModelConfig(name: name, vision: try VisionConfig(inferredFrom: weights), text: nil)
        if weights.contains("token_embedding.weight") { inferred.text = try TextConfig(inferredFrom: weights) }
        if let stated = try stated(inferred.vision) {
            try Self.requireAgreement(stated.config, stated.source, inferred, file: checkpoint.path)
            config = stated.config
        } else {
            config =
                KnownModel.all.first { $0.config.vision == inferred.vision && $0.config.text == inferred.text }?
                .config ?? inferred
        }
        try config.vision.validate(checkpoint.path)
        try config.text?.validate(checkpoint.path)
        try weights.requireExactly(config.weights)
    }

    private static func requireAgreement(
        _ stated: ModelConfig, _ source: String, _ found: ModelConfig, file: String
    ) throws(CheckpointError) {
        var contradictions = stated.vision.contradictions(found.vision)
        switch (stated.text, found.text) {
        case (let text?, let foundText?): contradictions += text.contradictions(foundText)
        case (nil, nil): break
        case (let text, let foundText):
            contradictions.append(("text tower", "\(text != nil)", "\(foundText != nil)"))
        }
        if let first = contradictions.first {
            throw .contradiction(
                file: file, source: source, field: first.field, stated: first.stated, found: first.found)
        }
    }

    // MARK: Configuration

    private static func statedConfig(
        file: String, naming: Naming, inferred: VisionConfig
    ) throws(CheckpointError) -> (config: ModelConfig, source: String)? {
        let directory = FileName.folder(file)
        let side = FileName.joined(directory, "\(FileName.stem(file)).json")
        if FileName.last(side) != FileName.last(file), Files.exists(side) {
            return (try ModelConfig(sideFile: side, name: stem(file)), side)
        }
        let customary = FileName.joined(directory, naming == .openCLIP ? "open_clip_config.json" : "config.json")
        if naming != .official, Files.exists(customary) {
            let config =
                naming == .openCLIP
                ? try ModelConfig(openCLIPFile: customary, inferred: inferred) : try ModelConfig(timmFile: customary)
            return (config, customary)
        }
        for name in [stem(file), FileName.last(Files.absolute(directory))] {
            guard var config = KnownModel.named(name)?.config else { continue }
            // timm publishes the vision towers alone.
            if naming == .timm { config.text = nil }
            return (config, "the name '\(name)'")
        }
        return nil
    }

    /// The file name without its last extension.
    private static func stem(_ file: String) -> String {
        FileName.stem(file)
    }
}
