package import PerceptNumbers
import PerceptShaders

extension Graph {
    /// Multi-head attention over a packed product.
    ///
    /// qkv [B, N, 3 · H · D] with all queries first, then keys, then values; D a multiple of eight (odd heads are padded
    /// with zeros when weights are loaded) of which `headSize` columns are real: the scores are scaled by its root.
    /// Result [B, N, H · D].
    package mutating func attention(
        _ label: String, qkv: Tensor, heads: Int, headSize: Int, causal: Bool, to type: StorageType
    ) -> Tensor {
        let width = qkv.columns / 3
        precondition(qkv.shape.count == 3 && qkv.columns % 3 == 0 && width % (heads * 8) == 0, "\(label): \(qkv)")
        let result = self.result([qkv.shape[0], qkv.shape[1], width], type)
        append(
            label, Attention(qkv: qkv, heads: heads, headSize: headSize, causal: causal, result: result))
        return result
    }

    /// Attention of one query, the same for every image: query [1, H · D], kv [B, N, 2 · H · D] with keys first;
    /// result [B, H · D].
    package mutating func attentionPool(
        _ label: String, query: Tensor, kv: Tensor, heads: Int, headSize: Int, to type: StorageType
    ) -> Tensor {
        let width = query.columns
        precondition(query.rows == 1 && kv.columns == 2 * width && width % (heads * 8) == 0, "\(label): \(kv)")
        let result = self.result([kv.shape[0], width], type)
        append(label, AttentionPool(query: query, kv: kv, heads: heads, headSize: headSize, result: result))
        return result
    }
}

struct Attention: Operation {
    let qkv: Tensor
    let heads: Int
    let headSize: Int
    let causal: Bool
    let result: Tensor

    var shape: AttentionShape {
        AttentionShape(
            queries: qkv.shape[1], heads: qkv.shape[0] * heads, headOctets: result.columns / heads / 8, type: qkv.type,
            format: qkv.format, causal: causal, cached: false)
    }

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let (batch, tokens) = (qkv.shape[0], qkv.shape[1])
        let choice = AttentionChoice(shape, for: lowering.device)
        let groups = [tokens.dividedRoundingUp(by: choice.queries), heads, batch]
        let flops = 4 * Double(batch * tokens) * Double(tokens) * Double(heads * headSize) / (causal ? 2 : 1)
        let push: KeyValuePairs<String, PushValue> = [
            "q": .operand(Operand(qkv)), "k": .operand(Operand(qkv, firstColumn: result.columns)),
            "v": .operand(Operand(qkv, firstColumn: 2 * result.columns)), "result": .operand(Operand(result)),
            "queries": .uint(tokens), "keys": .uint(tokens), "queryStride": .uint(qkv.octets),
            "keyStride": .uint(qkv.octets), "resultStride": .uint(result.octets),
            "scale": .float(1 / Float(headSize).squareRoot()),
        ]
        return Dispatch(
            choice.kernel, furtherConstants: choice.constants(shape, result: result.type), push: push,
            groups: groups, reads: [Operand(qkv)], writes: [Operand(result)], flops: flops,
            subgroupSize: choice.subgroupSize)
    }
}

struct AttentionPool: Operation {
    let query: Tensor
    let kv: Tensor
    let heads: Int
    let headSize: Int
    let result: Tensor

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let (batch, tokens) = (kv.shape[0], kv.shape[1])
        let device = lowering.device
        // Heads and images are few workgroups for a GPU. What divides one needs a subgroup size that is known.
        let several = device.style == .gpu && device.supports.contains(.subgroupShuffle)
        let subgroups = several ? max(1, min(4, device.largestWorkgroup / device.subgroupSize)) : 1
        return Dispatch(
            Catalog.attentionPool,
            constants: [
                "LANES": subgroups * device.subgroupSize, "HEAD_OCTETS": result.columns / heads / 8,
                "Q_TYPE": Int(query.type.rawValue), "KV_TYPE": Int(kv.type.rawValue),
                "RESULT_TYPE": Int(result.type.rawValue), "SUBGROUPS": subgroups,
            ],
            push: [
                "q": .operand(Operand(query)), "k": .operand(Operand(kv)),
                "v": .operand(Operand(kv, firstColumn: result.columns)), "result": .operand(Operand(result)),
                "keys": .uint(tokens), "keyStride": .uint(kv.octets), "resultStride": .uint(result.octets),
                "scale": .float(1 / Float(headSize).squareRoot()),
            ],
            groups: [heads, batch, 1], reads: [Operand(query), Operand(kv)], writes: [Operand(result)],
            flops: 4 * Double(batch * tokens * heads * headSize), subgroupSize: device.subgroupSize)
    }
}
