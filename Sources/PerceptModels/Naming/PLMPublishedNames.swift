package import PerceptCheckpoint

extension PLMCheckpoint {
    /// The tensors as transformers' model has them, each beside its name in ``weights``: views, with rows of queries and
    /// keys in its order. A tied output matrix is not listed.
    package func transformersTensors() throws(CheckpointError) -> [(canonical: String, tensor: CheckpointTensor)] {
        var tensors: [(String, CheckpointTensor)] = []
        for tensor in weights.tensors {
            tensors.append((tensor.name, try PLMNaming.published(tensor, config.language)))
        }
        return tensors
    }
}

extension PLMNaming {
    private static let fromTop = inverted(topNames)
    private static let fromLayer = inverted(layerNames)

    private static func inverted(_ names: [String: String]) -> [String: String] {
        Dictionary(uniqueKeysWithValues: names.map { ($0.value, $0.key) })
    }

    /// The inverse of what is done to a tensor of transformers' model.
    ///
    /// - Throws: ``CheckpointError/unsupported(file:feature:)`` for a tensor that its model does not have.
    static func published(
        _ tensor: CheckpointTensor, _ language: LanguageConfig
    ) throws(CheckpointError) -> CheckpointTensor {
        if let name = fromTop[tensor.name] { return tensor.renamed(name) }
        if tensor.name.hasPrefix("vision_model.") {
            return try tower(tensor, String(tensor.name.dropFirst("vision_model.".count)))
        }
        let parts = tensor.name.split(separator: ".", maxSplits: 2).map(String.init)
        guard parts.count == 3, parts[0] == "layers", let rest = fromLayer[parts[2]] else { throw stranger(tensor) }
        let isRotated = ["attention.wq.weight", "attention.wk.weight"].contains(parts[2])
        let ordered = isRotated ? try tensor.separatingHalves(of: language.headSize) : tensor
        return ordered.renamed("\(layerPrefix)\(parts[1]).\(rest)")
    }

    /// A tensor of a tower without pooling and head, in timm's naming.
    private static func tower(_ tensor: CheckpointTensor, _ name: String) throws(CheckpointError) -> CheckpointTensor {
        switch name {
        case "class_embedding": return try tensor.reshaped([1, 1] + tensor.shape).renamed(towerPrefix + "cls_token")
        case "positional_embedding": return try tensor.reshaped([1] + tensor.shape).renamed(towerPrefix + "pos_embed")
        default: break
        }
        let blocks = "transformer.resblocks."
        if name.hasPrefix(blocks) {
            let parts = name.dropFirst(blocks.count).split(separator: ".", maxSplits: 1).map(String.init)
            if parts.count == 2, let local = original(parts[1], EncoderNaming.blockNames) {
                return tensor.renamed("\(towerPrefix)blocks.\(parts[0]).\(local)")
            }
        } else if let local = original(name, EncoderNaming.towerNames) {
            return tensor.renamed(towerPrefix + local)
        }
        throw stranger(tensor)
    }

    /// The name that a table of prefixes and whole names makes `name` of.
    private static func original(_ name: String, _ table: [String: String]) -> String? {
        for (old, new) in table where name.hasPrefix(new) {
            if old.hasSuffix(".") || name.count == new.count { return old + name.dropFirst(new.count) }
        }
        return nil
    }

    private static func stranger(_ tensor: CheckpointTensor) -> CheckpointError {
        .unsupported(file: tensor.file, feature: "a place for tensor '\(tensor.name)' in transformers' model")
    }
}
