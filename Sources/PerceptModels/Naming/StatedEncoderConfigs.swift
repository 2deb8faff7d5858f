import PerceptCheckpoint
import PerceptFiles
import PerceptJSON

/// What files beside the weights, or their name, say of a model.
struct StatedEncoderConfigs {
    private struct Statement {
        let config: EncoderConfig
        /// The file, or what else says so, for messages.
        let source: String
        /// Whether it speaks of the vision tower alone.
        let isOfTower: Bool
    }

    /// The first counts; the others must agree with it.
    private var statements: [Statement] = []
    private var notes: [String] = []

    /// What the caller knows.
    init(_ config: EncoderConfig, source: String) {
        statements = [Statement(config: config, source: source, isOfTower: false)]
    }

    /// Reads what lies beside a file of weights: the side file of that name (`m.json` of `m.pt`), `open_clip_config.json` and
    /// `config.json`, each as what it holds. Where none speaks, the name of the file or of its directory may be that of
    /// a published model.
    ///
    /// - Parameters:
    ///   - inferred: what the tensors say of the vision tower.
    ///   - isTimm: whether the tensors have timm's names, whose own configuration then comes first.
    init(beside file: String, inferred: VisionConfig, isTimm: Bool) throws(CheckpointError) {
        let directory = FileName.folder(file)
        let name = Self.stem(file)
        let customary = ["open_clip_config.json", "config.json"].map { FileName.joined(directory, $0) }
        let side = FileName.joined(directory, "\(name).json")
        for path in [side] + (isTimm ? customary.reversed() : customary)
        where FileName.last(path) != FileName.last(file) && Files.exists(path)
            && !statements.contains(where: { $0.source == path })
        {
            let json = try JSON(contentsOf: path)
            if let statement = try Self.statement(json, path, name, inferred, isSide: path == side) {
                statements.append(statement)
            } else {
                notes.append("\(path): is no configuration of a Perception Encoder and was not followed")
            }
        }
        guard statements.isEmpty else { return }
        for name in [name, FileName.last(Files.absolute(directory))] {
            guard let config = PublishedModel.named(name)?.encoder else { continue }
            statements.append(Statement(config: config, source: "the name '\(name)'", isOfTower: false))
            return
        }
    }

    /// Tells the kinds of files apart by their fields.
    private static func statement(
        _ json: JSON, _ path: String, _ name: String, _ inferred: VisionConfig, isSide: Bool
    ) throws(CheckpointError) -> Statement? {
        if json["model_cfg"] != nil || (json["vision_cfg"] != nil && json["text_cfg"] != nil) {
            return Statement(
                config: try EncoderConfig(openCLIP: json, file: path, inferred: inferred), source: path,
                isOfTower: false)
        }
        if json["architecture"] != nil {
            return Statement(config: try EncoderConfig(timm: json, file: path), source: path, isOfTower: true)
        }
        if json["vision"] != nil || isSide {
            return Statement(
                config: try EncoderConfig(side: json, file: path, name: name), source: path, isOfTower: false)
        }
        return nil
    }

    /// The file name without its last extension.
    static func stem(_ file: String) -> String {
        FileName.stem(file)
    }

    // MARK: Against the tensors

    /// The configuration that holds, and what is to be said of it.
    ///
    /// - Parameters:
    ///   - found: what the tensors say, with guessed numbers of heads.
    ///   - isTower: whether the tensors are those of a vision tower alone, beside which a text tower may be stated.
    /// - Throws: ``CheckpointError/contradiction(file:source:field:stated:found:)``.
    func settled(
        _ found: EncoderConfig, isTower: Bool, file: String
    ) throws(CheckpointError) -> (config: EncoderConfig, notes: [String]) {
        var notes = notes
        guard let first = statements.first else {
            if let known = PublishedModel.encoders.first(where: { $0.vision == found.vision && $0.text == found.text })
            {
                return (known, notes)
            }
            notes.append("\(file): \(Self.guess(found))")
            return (found, notes)
        }
        var config = first.config
        for statement in statements {
            try Self.requireAgreement(statement, with: found, isTower: isTower, file: file)
            try Self.requireSameHeads(statement, as: first)
            // A tower's configuration is silent about texts, which another may speak of.
            if config.text == nil { config.text = statement.config.text }
        }
        if isTower, config.text != nil {
            config.text = nil
        } else if config.text == nil, let text = found.text, first.isOfTower {
            config.text = text
            if !PublishedModel.encoders.contains(where: { $0.vision == config.vision && $0.text == text }) {
                notes.append(
                    "\(first.source): says nothing of the text tower; its \(text.heads) heads are a guess from its width"
                )
            }
        }
        return (config, notes)
    }

    private static func guess(_ found: EncoderConfig) -> String {
        var heads = "\(found.vision.heads) heads"
        if case .attention(let poolHeads) = found.vision.pool { heads += ", \(poolHeads) in the pooling" }
        if let text = found.text { heads += ", \(text.heads) in the text tower" }
        return
            "no configuration lies beside the weights; the numbers of heads, which tensors do not tell, are a guess: "
            + heads
    }

    private static func requireAgreement(
        _ statement: Statement, with found: EncoderConfig, isTower: Bool, file: String
    ) throws(CheckpointError) {
        var contradictions = statement.config.vision.contradictions(found.vision)
        switch (statement.config.text, found.text) {
        case (let text?, let foundText?): contradictions += text.contradictions(foundText)
        case (nil, nil): break
        case (nil, _?) where statement.isOfTower: break
        case (_?, nil) where isTower: break
        case (let text, let foundText):
            contradictions.append(("text tower", "\(text != nil)", "\(foundText != nil)"))
        }
        if let first = contradictions.first {
            throw .contradiction(
                file: file, source: statement.source, field: first.field, stated: first.stated, found: first.found)
        }
    }

    /// Numbers of heads change no shape, so that two files can differ in them unseen.
    private static func requireSameHeads(_ statement: Statement, as first: Statement) throws(CheckpointError) {
        let (vision, other) = (first.config.vision, statement.config.vision)
        var pairs = [("heads", vision.heads, other.heads)]
        if case (.attention(let heads), .attention(let others)) = (vision.pool, other.pool) {
            pairs.append(("pooling heads", heads, others))
        }
        if let text = first.config.text, let other = statement.config.text {
            pairs.append(("text heads", text.heads, other.heads))
        }
        if let (field, stated, found) = pairs.first(where: { $0.1 != $0.2 }) {
            throw .malformed(
                file: statement.source, reason: "\(field) = \(found), but \(first.source) says \(field) = \(stated)")
        }
    }
}
