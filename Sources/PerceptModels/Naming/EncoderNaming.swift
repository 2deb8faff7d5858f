import PerceptCheckpoint

/// The naming a checkpoint uses.
enum EncoderNaming {
    /// The original release: `visual.conv1.weight` and bare text names, or a bare vision tower.
    case official
    /// timm: a vision tower, `patch_embed.proj.weight`.
    case timm
    /// open_clip: a timm tower under `visual.trunk.` and the text tower under `text.`.
    case openCLIP

    /// The names of patch embeddings, of which a model has one.
    static let landmarks = [
        "visual.trunk.patch_embed.proj.weight", "patch_embed.proj.weight", "visual.conv1.weight", "conv1.weight",
    ]

    init(of names: WrappedNames) {
        let own = Set(names.tensors.map(\.name))
        switch Self.landmarks.first(where: own.contains) {
        case "visual.trunk.patch_embed.proj.weight": self = .openCLIP
        case "patch_embed.proj.weight": self = .timm
        default: self = .official
        }
    }

    /// The tensors under their canonical names, as views; what has no canonical name keeps its own.
    func canonical(_ names: WrappedNames, path: String) throws(CheckpointError) -> Checkpoint {
        var tensors: [CheckpointTensor] = []
        var siblings: [String: CheckpointTensor] = [:]
        for (name, tensor) in names.tensors { siblings[name] = tensor }
        let isWhole = siblings["visual.conv1.weight"] != nil
        for (name, tensor) in names.tensors {
            switch self {
            case .official:
                tensors.append(try scalar(tensor, isWhole ? name : "visual." + name))
            case .timm:
                if let view = try Self.timm(tensor, name, siblings: siblings) { tensors.append(view) }
            case .openCLIP:
                if name.hasPrefix("visual.trunk.") {
                    if let view = try Self.timm(tensor, name, siblings: siblings) { tensors.append(view) }
                } else {
                    tensors.append(try scalar(tensor, name.hasPrefix("text.") ? String(name.dropFirst(5)) : name))
                }
            }
        }
        return try Checkpoint(path: path, tensors: tensors)
    }

    /// The temperature is stored as a scalar or as a vector of one.
    private func scalar(_ tensor: CheckpointTensor, _ name: String) throws(CheckpointError) -> CheckpointTensor {
        let isScalar = name == "logit_scale" && tensor.count == 1
        return try (isScalar ? tensor.reshaped([]) : tensor).renamed(name)
    }
}

extension EncoderNaming {
    /// Names that differ in a prefix only, for one block or for the whole tower.
    static let blockNames = [
        "norm1.": "ln_1.", "norm2.": "ln_2.", "attn.qkv.": "attn.in_proj_", "attn.proj.": "attn.out_proj.",
        "mlp.fc1.": "mlp.c_fc.", "mlp.fc2.": "mlp.c_proj.", "gamma_1": "ls_1.gamma", "gamma_2": "ls_2.gamma",
    ]
    static let towerNames = [
        "patch_embed.proj.weight": "conv1.weight", "norm_pre.": "ln_pre.", "norm.": "ln_post.",
        "attn_pool.latent": "attn_pool.probe", "attn_pool.proj.": "attn_pool.attn.out_proj.",
        "attn_pool.norm.": "attn_pool.layernorm.", "attn_pool.mlp.fc1.": "attn_pool.mlp.c_fc.",
        "attn_pool.mlp.fc2.": "attn_pool.mlp.c_proj.",
    ]

    private static func replacingPrefix(_ name: Substring, _ table: [String: String]) -> String? {
        for (old, new) in table where name.hasPrefix(old) {
            // An entry without a final dot is a whole name.
            if old.hasSuffix(".") || name.count == old.count { return new + name.dropFirst(old.count) }
        }
        return nil
    }

    /// One tensor of a timm tower (timm: `models/eva.py`) as the canonical tensor it is, or nil if it is the second
    /// half of another or a bias of zeros that the original does not have.
    static func timm(
        _ tensor: CheckpointTensor, _ name: String, siblings: [String: CheckpointTensor]
    ) throws(CheckpointError) -> CheckpointTensor? {
        let prefix = name.hasPrefix("visual.trunk.") ? "visual.trunk." : ""
        let local = name.dropFirst(prefix.count)
        switch local {
        case "cls_token":
            return try tensor.reshaped(Array(tensor.shape.suffix(1))).renamed("visual.class_embedding")
        case "pos_embed":
            return try tensor.reshaped(Array(tensor.shape.suffix(2))).renamed("visual.positional_embedding")
        case "attn_pool.q.weight", "attn_pool.q.bias":
            let part = local.split(separator: ".").last ?? ""
            guard let keysAndValues = siblings["\(prefix)attn_pool.kv.\(part)"] else {
                throw .missing(file: tensor.file, name: "\(prefix)attn_pool.kv.\(part)")
            }
            return try tensor.stacked(on: keysAndValues, name: "visual.attn_pool.attn.in_proj_\(part)")
        case "attn_pool.kv.weight", "attn_pool.kv.bias":
            return nil
        case "head.weight":
            return try tensor.transposed().renamed("visual.proj")
        case "head.bias":
            guard let head = siblings[prefix + "head.weight"] else {
                throw .missing(file: tensor.file, name: prefix + "head.weight")
            }
            guard tensor.shape == Array(head.shape.prefix(1)) else {
                throw .shape(file: tensor.file, name: name, expected: Array(head.shape.prefix(1)), found: tensor.shape)
            }
            try tensor.requireReadable()
            guard tensor.count <= 1 << 20, try tensor.values().allSatisfy({ $0 == 0 }) else {
                throw .unsupported(file: tensor.file, feature: "a bias of the projection ('\(name)' is not all zero)")
            }
            return nil
        default: break
        }
        if local.hasPrefix("blocks.") {
            let parts = local.split(separator: ".", maxSplits: 2)
            if parts.count == 3, let rest = replacingPrefix(parts[2], blockNames) {
                return tensor.renamed("visual.transformer.resblocks.\(parts[1]).\(rest)")
            }
        } else if let canonical = replacingPrefix(local, towerNames) {
            return tensor.renamed("visual." + canonical)
        }
        return tensor.renamed(name)
    }
}
