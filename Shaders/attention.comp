#version 460
#extension GL_GOOGLE_include_directive : require
// Flash attention: softmax(scale * q k^T) v without ever storing the scores.
//
//   q [batch * queries, heads * head]   k, v [batch * keys, heads * head]   result [batch * queries, heads * head]
//
// Grid: query tiles x heads x batch. One query per lane, its softmax inside the lane: running maximum, sum and
// accumulator in f32 (Milakov & Gimelshein 2018, in the loop order of FlashAttention-2, Dao 2023, algorithm 1). The
// subgroup reads LANES keys at a time, one per lane, and passes them round by shuffles; with SHARED the workgroup stages
// 16 keys in shared memory instead. A head is a whole number of octets; padding of odd head sizes is zero in q, k and v.

#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint HEAD_OCTETS = 8;
layout(constant_id = 2) const uint QKV_TYPE = 0;
layout(constant_id = 3) const uint RESULT_TYPE = 0;
layout(constant_id = 4) const uint CAUSAL = 0;

layout(push_constant, std430) uniform Push {
    Words q;
    Words k;
    Words v;
    WordsOut result;
    uint queries;
    uint keys;
    uint queryStride;   // octets, as the other strides
    uint keyStride;
    uint resultStride;
    float scale;
} push;

// Finite, so that a block in which all keys are masked makes no NaN.
const float MASKED = -1.7e38;

#ifdef SHARED
const uint BLOCK = 16u;
shared vec4 stagedK[BLOCK * HEAD_OCTETS * 2u];
shared vec4 stagedV[BLOCK * HEAD_OCTETS * 2u];
#else
#extension GL_KHR_shader_subgroup_shuffle : require
const uint BLOCK = LANES;
#endif

void main() {
#ifdef SHARED
    uint lane = gl_LocalInvocationIndex;
#else
    uint lane = gl_SubgroupInvocationID;
#endif
    uint query = gl_WorkGroupID.x * LANES + lane;
    uint heldQuery = min(query, push.queries - 1u);
    uint firstOctet = gl_WorkGroupID.y * HEAD_OCTETS;
    uint firstKeyRow = gl_WorkGroupID.z * push.keys;
    uint queryRow = gl_WorkGroupID.z * push.queries + heldQuery;

    Octet q[HEAD_OCTETS];
    Octet sum[HEAD_OCTETS];
    [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
        q[d] = loadOctet(push.q, queryRow * push.queryStride + firstOctet + d, QKV_TYPE);
        q[d].low *= push.scale;
        q[d].high *= push.scale;
        sum[d] = zeroOctet();
    }
    float largest = MASKED;
    float total = 0.0;

    // With a causal mask, keys behind the tile's last query are of no use to any lane.
    uint keysNeeded = CAUSAL != 0u ? min(push.keys, (gl_WorkGroupID.x + 1u) * LANES) : push.keys;
    for (uint first = 0u; first < keysNeeded; first += BLOCK) {
        float score[BLOCK];
#ifdef SHARED
        for (uint i = lane; i < BLOCK * HEAD_OCTETS; i += LANES) {
            uint row = firstKeyRow + min(first + i / HEAD_OCTETS, push.keys - 1u);
            uint index = row * push.keyStride + firstOctet + i % HEAD_OCTETS;
            Octet k = loadOctet(push.k, index, QKV_TYPE);
            Octet v = loadOctet(push.v, index, QKV_TYPE);
            stagedK[2u * i] = k.low;
            stagedK[2u * i + 1u] = k.high;
            stagedV[2u * i] = v.low;
            stagedV[2u * i + 1u] = v.high;
        }
        barrier();
        [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
            vec4 products = vec4(0.0);
            [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
                products = fma(q[d].low, stagedK[2u * (j * HEAD_OCTETS + d)], products);
                products = fma(q[d].high, stagedK[2u * (j * HEAD_OCTETS + d) + 1u], products);
            }
            score[j] = (products.x + products.y) + (products.z + products.w);
        }
#else
        uint row = (firstKeyRow + min(first + lane, push.keys - 1u)) * push.keyStride + firstOctet;
        vec4 products[BLOCK];
        [[unroll]] for (uint j = 0u; j < BLOCK; j++) products[j] = vec4(0.0);
        [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
            Octet k = loadOctet(push.k, row + d, QKV_TYPE);
            [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
                products[j] = fma(q[d].low, subgroupShuffle(k.low, j), products[j]);
                products[j] = fma(q[d].high, subgroupShuffle(k.high, j), products[j]);
            }
        }
        [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
            score[j] = (products[j].x + products[j].y) + (products[j].z + products[j].w);
        }
#endif
        float blockLargest = largest;
        [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
            bool seen = first + j < push.keys && (CAUSAL == 0u || first + j <= query);
            score[j] = seen ? score[j] : MASKED;
            blockLargest = max(blockLargest, score[j]);
        }
        float decay = exp(largest - blockLargest);
        largest = blockLargest;
        total *= decay;
        [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
            score[j] = score[j] > MASKED ? exp(score[j] - largest) : 0.0;
            total += score[j];
        }
#ifdef SHARED
        [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
            sum[d].low *= decay;
            sum[d].high *= decay;
            [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
                sum[d].low = fma(vec4(score[j]), stagedV[2u * (j * HEAD_OCTETS + d)], sum[d].low);
                sum[d].high = fma(vec4(score[j]), stagedV[2u * (j * HEAD_OCTETS + d) + 1u], sum[d].high);
            }
        }
        barrier();
#else
        [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
            Octet v = loadOctet(push.v, row + d, QKV_TYPE);
            sum[d].low *= decay;
            sum[d].high *= decay;
            [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
                sum[d].low = fma(vec4(score[j]), subgroupShuffle(v.low, j), sum[d].low);
                sum[d].high = fma(vec4(score[j]), subgroupShuffle(v.high, j), sum[d].high);
            }
        }
#endif
    }

    if (query >= push.queries) return;
    float inverse = 1.0 / total;
    uint index = (gl_WorkGroupID.z * push.queries + query) * push.resultStride + firstOctet;
    [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
        storeOctet(push.result, index + d, Octet(sum[d].low * inverse, sum[d].high * inverse), RESULT_TYPE);
    }
}
