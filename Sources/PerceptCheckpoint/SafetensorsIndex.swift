import PerceptJSON

/// The `model.safetensors.index.json` of a model in several files: which file holds which tensor.
enum SafetensorsIndex {
    /// The tensors of all shards, in the order of the index.
    ///
    /// A shard's path is relative to the index and may not leave its directory by spelling; symbolic links are
    /// followed, because download caches are made of them.
    static func tensors(contentsOf path: String) throws(CheckpointError) -> [CheckpointTensor] {
        guard let map = try JSON(contentsOf: path)["weight_map"]?.members else {
            throw .malformed(file: path, reason: "there is no object 'weight_map'")
        }
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        var shards: [String: [String: CheckpointTensor]] = [:]
        var tensors: [CheckpointTensor] = []
        for member in map {
            guard let shard = member.value.string else {
                throw .malformed(file: path, reason: "the file of tensor '\(member.name)' is not a string")
            }
            if shards[shard] == nil {
                guard !shard.isEmpty, !shard.hasPrefix("/"), !shard.split(separator: "/").contains(".."),
                    !shard.contains("\0")
                else { throw .malformed(file: path, reason: "the shard path '\(shard)' leaves the directory") }
                let file = try SafetensorsFile(MappedFile(path: directory + shard))
                shards[shard] = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
            }
            guard let tensor = shards[shard]?.removeValue(forKey: member.name) else {
                throw .missing(file: directory + shard, name: member.name)
            }
            tensors.append(tensor)
        }
        let unlisted = shards.values.flatMap(\.keys).sorted()
        guard unlisted.isEmpty else { throw .unused(file: path, names: unlisted) }
        return tensors
    }
}
