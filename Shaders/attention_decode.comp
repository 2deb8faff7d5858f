#version 460
#extension GL_GOOGLE_include_directive : require
// Attention of one position over a decoder's keys and values, in PARTS parts of the sequence that run apart
// (flash decoding); attention_combine puts the parts together.
//
//   q [1, kvHeads * GROUP * head]   cache [positions, 2 * kvHeads * head]
//   result [PARTS * heads, head + 8] f32: sums of the weighted values, then largest score and total weight
//
// Grid: parts x kvHeads. A subgroup serves the GROUP query heads that share keys and values, so that each is loaded once:
// a lane scores a key of LANES, then owns quads of the head while the weights go round by shuffles.

#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_shuffle : require

#include "storage.glsl"
#include "quantized.glsl"
#include "cache.glsl"
#include "cursor.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint HEAD_OCTETS = 8;
layout(constant_id = 2) const uint Q_TYPE = 0;
layout(constant_id = 3) const uint KV_TYPE = 0;
layout(constant_id = 4) const uint GROUP = 4;

layout(push_constant, std430) uniform Push {
    Words q;
    Words cache;
    WordsOut result;
    Cursor cursor;
    uint positions; // rows there is room for
    uint keyStride; // octets of a position
    float scale;
} push;

const float NONE = -1.7e38;
const uint HELD = (HEAD_OCTETS + LANES - 1u) / LANES;   // octets of the head that a lane owns

void main() {
    uint lane = gl_SubgroupInvocationID;
    uint kvHead = gl_WorkGroupID.y;
    uint keys = min(push.cursor.first + push.cursor.count, push.positions);
    // Whole blocks of LANES keys, shared out evenly.
    uint blocks = (keys + LANES - 1u) / LANES;
    uint begin = blocks * gl_WorkGroupID.x / gl_NumWorkGroups.x * LANES;
    uint end = min(blocks * (gl_WorkGroupID.x + 1u) / gl_NumWorkGroups.x * LANES, keys);

    Octet sum[GROUP * HELD];
    float largest[GROUP];
    float total[GROUP];
    [[unroll]] for (uint g = 0u; g < GROUP; g++) {
        [[unroll]] for (uint i = 0u; i < HELD; i++) sum[g * HELD + i] = zeroOctet();
        largest[g] = NONE;
        total[g] = 0.0;
    }

    for (uint first = begin; first < end; first += LANES) {
        uint key = first + lane;
        uint row = min(key, keys - 1u);
        float score[GROUP];
        [[unroll]] for (uint g = 0u; g < GROUP; g++) score[g] = 0.0;
        for (uint d = 0u; d < HEAD_OCTETS; d++) {
            Octet k = loadKey(push.cache, row, kvHead * HEAD_OCTETS + d, push.keyStride, KV_TYPE);
            [[unroll]] for (uint g = 0u; g < GROUP; g++) {
                Octet q = loadOctet(push.q, (kvHead * GROUP + g) * HEAD_OCTETS + d, Q_TYPE);
                score[g] += dot(q.low, k.low) + dot(q.high, k.high);
            }
        }
        [[unroll]] for (uint g = 0u; g < GROUP; g++) {
            float seen = key < end ? score[g] * push.scale : NONE;
            float grown = max(largest[g], subgroupMax(seen));
            float decay = exp(largest[g] - grown);
            score[g] = key < end ? exp(seen - grown) : 0.0;
            total[g] = total[g] * decay + subgroupAdd(score[g]);
            largest[g] = grown;
            [[unroll]] for (uint i = 0u; i < HELD; i++) {
                sum[g * HELD + i].low *= decay;
                sum[g * HELD + i].high *= decay;
            }
        }
        uint count = min(end - first, LANES);
        for (uint j = 0u; j < count; j++) {
            float weight[GROUP];
            [[unroll]] for (uint g = 0u; g < GROUP; g++) weight[g] = subgroupShuffle(score[g], j);
            [[unroll]] for (uint i = 0u; i < HELD; i++) {
                // Lanes without an octet of their own repeat the last; they store nothing.
                uint d = min(i * LANES + lane, HEAD_OCTETS - 1u);
                Octet v = loadValue(push.cache, first + j, kvHead * HEAD_OCTETS + d, push.keyStride, KV_TYPE);
                [[unroll]] for (uint g = 0u; g < GROUP; g++) {
                    sum[g * HELD + i].low = fma(vec4(weight[g]), v.low, sum[g * HELD + i].low);
                    sum[g * HELD + i].high = fma(vec4(weight[g]), v.high, sum[g * HELD + i].high);
                }
            }
        }
    }

    uint heads = gl_NumWorkGroups.y * GROUP;
    [[unroll]] for (uint g = 0u; g < GROUP; g++) {
        uint index = (gl_WorkGroupID.x * heads + kvHead * GROUP + g) * (HEAD_OCTETS + 1u);
        [[unroll]] for (uint i = 0u; i < HELD; i++) {
            uint d = i * LANES + lane;
            if (d < HEAD_OCTETS) storeOctet(push.result, index + d, sum[g * HELD + i], F32);
        }
        if (subgroupElect()) {
            storeOctet(push.result, index + HEAD_OCTETS, Octet(vec4(largest[g], total[g], 0.0, 0.0), vec4(0.0)), F32);
        }
    }
}
