#version 460
#extension GL_GOOGLE_include_directive : require
// Attention of one query over all keys: the pooling of PE-Core (perception_models: pe.py, `AttentionPooling`), whose
// query is the same for every image.
//
//   q [1, heads * head]   k, v [batch * keys, heads * head]   result [batch, heads * head]
//
// Grid: heads x batch. A lane takes the keys lane, lane + LANES, ... with an online softmax of its own; the subgroup
// merges the lanes' maxima, sums and accumulators at the end.

#extension GL_KHR_shader_subgroup_arithmetic : require

#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint HEAD_OCTETS = 12;
layout(constant_id = 2) const uint Q_TYPE = 0;
layout(constant_id = 3) const uint KV_TYPE = 0;
layout(constant_id = 4) const uint RESULT_TYPE = 0;

layout(push_constant, std430) uniform Push {
    Words q;
    Words k;
    Words v;
    WordsOut result;
    uint keys;
    uint keyStride;
    uint resultStride;
    float scale;
} push;

const float NONE = -1.7e38;

void main() {
    uint firstOctet = gl_WorkGroupID.x * HEAD_OCTETS;
    Octet sum[HEAD_OCTETS];
    [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) sum[d] = zeroOctet();
    float largest = NONE;
    float total = 0.0;

    for (uint key = gl_SubgroupInvocationID; key < push.keys; key += gl_SubgroupSize) {
        uint row = (gl_WorkGroupID.y * push.keys + key) * push.keyStride + firstOctet;
        float score = 0.0;
        [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
            Octet q = loadOctet(push.q, firstOctet + d, Q_TYPE);
            Octet k = loadOctet(push.k, row + d, KV_TYPE);
            score += dot(q.low, k.low) + dot(q.high, k.high);
        }
        score *= push.scale;
        float grown = max(largest, score);
        float decay = exp(largest - grown);
        float weight = exp(score - grown);
        largest = grown;
        total = total * decay + weight;
        [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
            Octet v = loadOctet(push.v, row + d, KV_TYPE);
            sum[d].low = fma(vec4(weight), v.low, sum[d].low * decay);
            sum[d].high = fma(vec4(weight), v.high, sum[d].high * decay);
        }
    }

    float share = exp(largest - subgroupMax(largest));
    share /= subgroupAdd(total * share);
    uint index = gl_WorkGroupID.y * push.resultStride + firstOctet;
    [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
        Octet merged = Octet(subgroupAdd(sum[d].low * share), subgroupAdd(sum[d].high * share));
        if (subgroupElect()) storeOctet(push.result, index + d, merged, RESULT_TYPE);
    }
}
