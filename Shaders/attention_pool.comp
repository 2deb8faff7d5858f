#version 460
#extension GL_GOOGLE_include_directive : require
// Attention of one query over all keys: the pooling of PE-Core (perception_models: pe.py, `AttentionPooling`), whose
// query is the same for every image.
//
//   q [1, heads * head]   k, v [batch * keys, heads * head]   result [batch, heads * head]
//
// Grid: heads x batch. With one subgroup a lane takes the keys lane, lane + LANES, ... with an online softmax of its own; the
// subgroup merges the lanes' maxima, sums and accumulators at the end: few loads at a time, and all of a head in each lane,
// which suits CPU drivers.
//
// Several subgroups share the keys out, each with an online softmax of its own. A lane scores a key of SUBGROUP_LANES; then
// the lanes lie over the values in slots of ROW_LANES, a lane owning HELD octets of the head, and take the keys of their
// slot, as in attention_decode. All meet in shared memory at the end.

#extension GL_KHR_shader_subgroup_arithmetic : require

#include "storage.glsl"
#include "format.glsl"
#include "fetched.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint HEAD_OCTETS = 12;
layout(constant_id = 2) const uint Q_TYPE = 0;
layout(constant_id = 3) const uint KV_TYPE = 0;
layout(constant_id = 4) const uint RESULT_TYPE = 0;
layout(constant_id = 5) const uint SUBGROUPS = 1;

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

const uint SUBGROUP_LANES = LANES / SUBGROUPS;
// Lanes for a row of values: as many as it has octets, up to a power of two.
const uint WHOLE_ROW =
    HEAD_OCTETS <= 1u ? 1u : HEAD_OCTETS <= 2u ? 2u : HEAD_OCTETS <= 4u ? 4u : HEAD_OCTETS <= 8u ? 8u
    : HEAD_OCTETS <= 16u ? 16u : HEAD_OCTETS <= 32u ? 32u : SUBGROUP_LANES;
const uint ROW_LANES = WHOLE_ROW < SUBGROUP_LANES ? WHOLE_ROW : SUBGROUP_LANES;
const uint SLOTS = SUBGROUP_LANES / ROW_LANES;
const uint HELD = (HEAD_OCTETS + ROW_LANES - 1u) / ROW_LANES;
const uint CHUNK = ROW_LANES < 8u ? ROW_LANES : 8u;     // octets that a lane fetches at a time

const uint SHARED = SUBGROUPS > 1u ? LANES : 1u;
shared float weights[SHARED];
shared vec4 sums[2u * HELD * SHARED];
shared vec2 states[SUBGROUPS];      // of a subgroup: largest score, total weight

void severalSubgroups() {
    uint lane = gl_SubgroupInvocationID;
    uint thread = gl_SubgroupID * SUBGROUP_LANES + lane;
    uint slotStart = lane / ROW_LANES * ROW_LANES;
    uint firstOctet = gl_WorkGroupID.x * HEAD_OCTETS;
    uint firstRow = gl_WorkGroupID.y * push.keys;
    // Lanes without an octet of their own repeat the last; nobody asks for their sums.
    uint ownOctet[HELD];
    Octet sum[HELD];
    [[unroll]] for (uint h = 0u; h < HELD; h++) {
        ownOctet[h] = firstOctet + min(h * ROW_LANES + lane % ROW_LANES, HEAD_OCTETS - 1u);
        sum[h] = zeroOctet();
    }
    float largest = NONE;
    float total = 0.0;

    // All subgroups go round as often, as Mesa's CPU driver (26.2) wants of a loop with barriers of any kind. Who has no key
    // left repeats the last, which weighs nothing.
    for (uint round = 0u; round < push.keys; round += LANES) {
        uint first = round + gl_SubgroupID * SUBGROUP_LANES;
        uint row = firstRow + min(first + lane, push.keys - 1u);
        float score = 0.0;
        Fetched values[CHUNK];
        [[unroll]] for (uint start = 0u; start < HEAD_OCTETS; start += CHUNK) {
            Fetched own[CHUNK];
            [[unroll]] for (uint i = 0u; i < CHUNK; i++) {
                own[i] = fetchOctet(push.k, row, firstOctet + min(start + i, HEAD_OCTETS - 1u), push.keyStride, KV_TYPE);
            }
            if (start == 0u) {
                [[unroll]] for (uint i = 0u; i < CHUNK; i++) {
                    uint valueRow = firstRow + min(first + slotStart + i, push.keys - 1u);
                    values[i] = fetchOctet(push.v, valueRow, ownOctet[0], push.keyStride, KV_TYPE);
                }
            }
            [[unroll]] for (uint i = 0u; i < CHUNK; i++) {
                if (start + i >= HEAD_OCTETS) continue;
                Octet q = loadOctet(push.q, firstOctet + start + i, Q_TYPE);
                Octet k = widen(own[i], KV_TYPE);
                score += dot(q.low, k.low) + dot(q.high, k.high);
            }
        }
        bool isKey = first + lane < push.keys;
        score = isKey ? score * push.scale : NONE;
        float grown = max(largest, subgroupMax(score));
        float decay = exp(largest - grown);
        float weight = isKey ? exp(score - grown) : 0.0;
        largest = grown;
        total = total * decay + weight;
        // Lanes of this subgroup have read the weights of the block before.
        subgroupBarrier();
        weights[thread] = weight;
        subgroupBarrier();
        [[unroll]] for (uint h = 0u; h < HELD; h++) {
            sum[h].low *= decay;
            sum[h].high *= decay;
            [[unroll]] for (uint start = 0u; start < ROW_LANES; start += CHUNK) {
                if (h > 0u || start > 0u) {
                    [[unroll]] for (uint i = 0u; i < CHUNK; i++) {
                        uint valueRow = firstRow + min(first + slotStart + start + i, push.keys - 1u);
                        values[i] = fetchOctet(push.v, valueRow, ownOctet[h], push.keyStride, KV_TYPE);
                    }
                }
                [[unroll]] for (uint i = 0u; i < CHUNK; i++) {
                    Octet v = widen(values[i], KV_TYPE);
                    vec4 share = vec4(weights[thread - lane + slotStart + start + i]);
                    sum[h].low = fma(share, v.low, sum[h].low);
                    sum[h].high = fma(share, v.high, sum[h].high);
                }
            }
        }
    }

    total = subgroupAdd(total);
    if (subgroupElect()) states[gl_SubgroupID] = vec2(largest, total);
    [[unroll]] for (uint h = 0u; h < HELD; h++) {
        sums[2u * (h * LANES + thread)] = sum[h].low;
        sums[2u * (h * LANES + thread) + 1u] = sum[h].high;
    }
    barrier();
    for (uint octet = thread; octet < HEAD_OCTETS; octet += LANES) {
        float most = NONE;
        [[unroll]] for (uint s = 0u; s < SUBGROUPS; s++) most = max(most, states[s].x);
        float all = 0.0;
        Octet merged = zeroOctet();
        [[unroll]] for (uint s = 0u; s < SUBGROUPS; s++) {
            float share = exp(states[s].x - most);
            all = fma(share, states[s].y, all);
            uint start = octet / ROW_LANES * LANES + s * SUBGROUP_LANES + octet % ROW_LANES;
            for (uint slot = 0u; slot < SLOTS; slot++) {
                uint place = 2u * (start + slot * ROW_LANES);
                merged.low = fma(vec4(share), sums[place], merged.low);
                merged.high = fma(vec4(share), sums[place + 1u], merged.high);
            }
        }
        float inverse = 1.0 / all;
        storeOctet(push.result, gl_WorkGroupID.y * push.resultStride + firstOctet + octet,
                   Octet(merged.low * inverse, merged.high * inverse), RESULT_TYPE);
    }
}

void oneSubgroup() {
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

void main() {
    if (SUBGROUPS > 1u) severalSubgroups(); else oneSubgroup();
}
