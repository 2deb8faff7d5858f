import PerceptFiles
import PerceptJSON

/// The `model.safetensors.index.json` or `pytorch_model.bin.index.json` of a model in several files: which file holds
/// which tensor.
enum WeightsIndex {
    /// The tensors of all shards, in the order of the index; those that it does not list follow.
    ///
    /// A shard's path is relative to the index and may not leave its directory by spelling; symbolic links are
    /// followed, because download caches are made of them.
    static func tensors(contentsOf path: String) throws(CheckpointError) -> [CheckpointTensor] {
        guard let map = try JSON(contentsOf: path)["weight_map"]?.members else {
            throw .malformed(
                file: path, reason: "there is no object 'weight_map', so this is no index of files with weights")
        }
        let directory = path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
        try requireShards(of: map, in: directory, index: path)
        var shards: [String: [String: CheckpointTensor]] = [:]
        var order: [String] = []
        var tensors: [CheckpointTensor] = []
        for member in map {
            let shard = member.value.string ?? ""
            if shards[shard] == nil {
                let file = try WeightsFile(MappedFile(path: directory + shard))
                shards[shard] = Dictionary(uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
                order.append(shard)
            }
            guard let tensor = shards[shard]?.removeValue(forKey: member.name) else {
                throw .missing(file: directory + shard, name: member.name)
            }
            tensors.append(tensor)
        }
        // A shard may hold more than the index lists; what is in two shards could be either.
        var places = Dictionary(uniqueKeysWithValues: map.map { ($0.name, $0.value.string ?? "") })
        for shard in order {
            for (name, tensor) in (shards[shard] ?? [:]).sorted(by: { $0.key < $1.key }) {
                if let other = places.updateValue(shard, forKey: name) {
                    throw .malformed(file: path, reason: "tensor '\(name)' is in '\(other)' and in '\(shard)'")
                }
                tensors.append(tensor)
            }
        }
        return tensors
    }

    /// Checks that every file the index names is there, before any is read.
    private static func requireShards(
        of map: [JSON.Member], in directory: String, index path: String
    ) throws(CheckpointError) {
        var known: Set<String> = []
        var missing: [String] = []
        for member in map {
            guard let shard = member.value.string else {
                throw .malformed(file: path, reason: "the file of tensor '\(member.name)' is not a string")
            }
            guard known.insert(shard).inserted else { continue }
            // As bytes: to a string a slash before a combining mark is another letter.
            let parts = shard.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            guard parts.first?.isEmpty == false, !parts.contains(where: { $0.elementsEqual("..".utf8) }),
                !shard.utf8.contains(0)
            else { throw .malformed(file: path, reason: "the shard path '\(shard)' leaves the directory") }
            if !Files.exists(directory + shard) { missing.append(shard) }
        }
        guard missing.isEmpty else {
            throw .absent(
                file: path,
                detail: "as \(missing.count) of the \(known.count) that it names: "
                    + missing.prefix(4).map { "'\($0)'" }.joined(separator: ", ") + (missing.count > 4 ? ", …" : "")
                    + "; fetch what is missing")
        }
    }
}
