#version 460
#extension GL_GOOGLE_include_directive : require
// Flash attention: softmax(scale * q k^T) v without ever storing the scores.
//
//   q [batch * queries, heads * head]   k, v [batch * keys, heads * head]   result [batch * queries, heads * head]
//
// With CACHED, keys and values are a decoder's: cache [rows, 2 * heads / group * head], in which `pages` says where those of
// the sequence lie (places.glsl); those before the end of this run's are there, and a query sees those up to its own
// position. `group` query heads share one of theirs.
//
// Grid: query tiles x heads x batch. A lane's queries have their softmax inside the lane: running maximum, sum and
// accumulator in f32 (Milakov & Gimelshein 2018, in the loop order of FlashAttention-2, Dao 2023, algorithm 1). The
// subgroup reads LANES keys at a time, one per lane, and passes them round by shuffles, each of which serves both queries
// of a lane (of 16 lanes each has one). With UNIFORM all lanes read a key at one address, for drivers that load once what
// is the same in all of them. With SHARED a lane has one query, and the workgroup stages 16 keys in shared memory. A head
// is a whole number of octets; padding of odd head sizes is zero in q, k and v.

#ifdef SHARED
#define NEAREST true
#endif
#include "storage.glsl"
#ifdef CACHED
#include "format.glsl"
#include "cache.glsl"
#include "places.glsl"
#endif

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint HEAD_OCTETS = 8;
layout(constant_id = 2) const uint Q_TYPE = 0;
layout(constant_id = 3) const uint KV_TYPE = 0;
layout(constant_id = 4) const uint RESULT_TYPE = 0;
layout(constant_id = 5) const uint CAUSAL = 0;

layout(push_constant, std430) uniform Push {
    Words q;
#ifdef CACHED
    Words cache;
    WordsOut result;
    Places places;
    Uints pages;
#else
    Words k;
    Words v;
    WordsOut result;
#endif
    uint queries;
    uint keys;
    uint queryStride;   // octets, as the other strides
    uint keyStride;
    uint resultStride;
    float scale;
#ifdef CACHED
    uint group;
#endif
} push;

// Finite, so that a block in which all keys are masked makes no NaN.
const float MASKED = -1.7e38;

#ifdef SHARED
const uint STAGED = 16u;
const uint BLOCK = 4u;                      // four keys at a time: all sixteen take a driver minutes to compile
const uint HELD = 1u;
shared vec4 stagedK[STAGED * HEAD_OCTETS * 2u];
shared vec4 stagedV[STAGED * HEAD_OCTETS * 2u];
#else
#ifdef UNIFORM
const uint BLOCK = 8u;
#else
#extension GL_KHR_shader_subgroup_shuffle : require
const uint BLOCK = LANES;
#endif
const uint HELD = LANES > 8u ? 1u : 2u;     // more code than drivers compile quickly
#endif

#ifdef CACHED
Octet keyOctet(uint row, uint octet) { return loadKey(push.cache, row, octet, push.keyStride, KV_TYPE); }
Octet valueOctet(uint row, uint octet) { return loadValue(push.cache, row, octet, push.keyStride, KV_TYPE); }
#else
Octet keyOctet(uint row, uint octet) { return loadOctet(push.k, row * push.keyStride + octet, KV_TYPE); }
Octet valueOctet(uint row, uint octet) { return loadOctet(push.v, row * push.keyStride + octet, KV_TYPE); }
#endif

float addProducts(vec4 x, vec4 y, float sum) { return fma(x.w, y.w, fma(x.z, y.z, fma(x.y, y.y, fma(x.x, y.x, sum)))); }

void main() {
#if defined(SHARED) || defined(UNIFORM)
    uint lane = gl_LocalInvocationIndex;
#else
    uint lane = gl_SubgroupInvocationID;
#endif
    uint firstQuery = gl_WorkGroupID.x * LANES * HELD;
    uint firstOctet = gl_WorkGroupID.y * HEAD_OCTETS;
#ifdef CACHED
    uint firstPosition = push.places.at[0].position;
    uint keys = min(push.places.at[0].keys, push.keys);
    uint firstKeyRow = 0u;
    uint firstKeyOctet = gl_WorkGroupID.y / push.group * HEAD_OCTETS;
#else
    const uint firstPosition = 0u;
    uint keys = push.keys;
    uint firstKeyRow = gl_WorkGroupID.z * push.keys;
    uint firstKeyOctet = firstOctet;
#endif

    Octet q[HELD * HEAD_OCTETS];
    Octet sum[HELD * HEAD_OCTETS];
    float largest[HELD];
    float total[HELD];
    [[unroll]] for (uint h = 0u; h < HELD; h++) {
        uint query = min(firstQuery + h * LANES + lane, push.queries - 1u);
        uint row = (gl_WorkGroupID.z * push.queries + query) * push.queryStride + firstOctet;
        [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
            Octet scaled = loadOctet(push.q, row + d, Q_TYPE);
            scaled.low *= push.scale;
            scaled.high *= push.scale;
            q[h * HEAD_OCTETS + d] = scaled;
            sum[h * HEAD_OCTETS + d] = zeroOctet();
        }
        largest[h] = MASKED;
        total[h] = 0.0;
    }

    // With a causal mask, keys behind the tile's last query are of no use to any lane.
    uint keysNeeded = CAUSAL != 0u ? min(keys, firstPosition + firstQuery + LANES * HELD) : keys;
    for (uint first = 0u; first < keysNeeded; first += BLOCK) {
        float score[HELD * BLOCK];
#ifdef CACHED
        // A block lies in one page.
        firstKeyRow = pageShift(push.pages, 0u, first);
#endif
#ifdef SHARED
        uint part = first % STAGED;
        if (part == 0u) barrier();
        for (uint i = part == 0u ? lane : STAGED * HEAD_OCTETS; i < STAGED * HEAD_OCTETS; i += LANES) {
            uint row = firstKeyRow + min(first + i / HEAD_OCTETS, keys - 1u);
            Octet k = keyOctet(row, firstKeyOctet + i % HEAD_OCTETS);
            Octet v = valueOctet(row, firstKeyOctet + i % HEAD_OCTETS);
            stagedK[2u * i] = k.low;
            stagedK[2u * i + 1u] = k.high;
            stagedV[2u * i] = v.low;
            stagedV[2u * i + 1u] = v.high;
        }
        if (part == 0u) barrier();
        [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
            vec4 products = vec4(0.0);
            [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
                products = fma(q[d].low, stagedK[2u * ((part + j) * HEAD_OCTETS + d)], products);
                products = fma(q[d].high, stagedK[2u * ((part + j) * HEAD_OCTETS + d) + 1u], products);
            }
            score[j] = (products.x + products.y) + (products.z + products.w);
        }
#else
#ifdef UNIFORM
        uint rows[BLOCK];
        [[unroll]] for (uint j = 0u; j < BLOCK; j++) rows[j] = firstKeyRow + min(first + j, keys - 1u);
#else
        uint row = firstKeyRow + min(first + lane, keys - 1u);
#endif
        [[unroll]] for (uint i = 0u; i < HELD * BLOCK; i++) score[i] = 0.0;
        [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
#ifndef UNIFORM
            Octet k = keyOctet(row, firstKeyOctet + d);
#endif
            [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
#ifdef UNIFORM
                Octet k = keyOctet(rows[j], firstKeyOctet + d);
                vec4 low = k.low;
                vec4 high = k.high;
#else
                vec4 low = subgroupShuffle(k.low, j);
                vec4 high = subgroupShuffle(k.high, j);
#endif
                [[unroll]] for (uint h = 0u; h < HELD; h++) {
                    Octet x = q[h * HEAD_OCTETS + d];
                    score[h * BLOCK + j] = addProducts(x.high, high, addProducts(x.low, low, score[h * BLOCK + j]));
                }
            }
        }
#endif
        float decay[HELD];
        [[unroll]] for (uint h = 0u; h < HELD; h++) {
            uint query = firstPosition + firstQuery + h * LANES + lane;
            float grown = largest[h];
            [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
                bool seen = first + j < keys && (CAUSAL == 0u || first + j <= query);
                score[h * BLOCK + j] = seen ? score[h * BLOCK + j] : MASKED;
                grown = max(grown, score[h * BLOCK + j]);
            }
            decay[h] = exp(largest[h] - grown);
            largest[h] = grown;
            total[h] *= decay[h];
            [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
                float s = score[h * BLOCK + j];
                score[h * BLOCK + j] = s > MASKED ? exp(s - grown) : 0.0;
                total[h] += score[h * BLOCK + j];
            }
        }
#ifdef SHARED
        [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
            sum[d].low *= decay[0];
            sum[d].high *= decay[0];
            [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
                sum[d].low = fma(vec4(score[j]), stagedV[2u * ((part + j) * HEAD_OCTETS + d)], sum[d].low);
                sum[d].high = fma(vec4(score[j]), stagedV[2u * ((part + j) * HEAD_OCTETS + d) + 1u], sum[d].high);
            }
        }
#else
        [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
#ifndef UNIFORM
            Octet v = valueOctet(row, firstKeyOctet + d);
#endif
            [[unroll]] for (uint h = 0u; h < HELD; h++) {
                sum[h * HEAD_OCTETS + d].low *= decay[h];
                sum[h * HEAD_OCTETS + d].high *= decay[h];
            }
            [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
#ifdef UNIFORM
                Octet v = valueOctet(rows[j], firstKeyOctet + d);
                vec4 low = v.low;
                vec4 high = v.high;
#else
                vec4 low = subgroupShuffle(v.low, j);
                vec4 high = subgroupShuffle(v.high, j);
#endif
                [[unroll]] for (uint h = 0u; h < HELD; h++) {
                    uint i = h * HEAD_OCTETS + d;
                    sum[i].low = fma(vec4(score[h * BLOCK + j]), low, sum[i].low);
                    sum[i].high = fma(vec4(score[h * BLOCK + j]), high, sum[i].high);
                }
            }
        }
#endif
    }

    [[unroll]] for (uint h = 0u; h < HELD; h++) {
        uint query = firstQuery + h * LANES + lane;
        if (query >= push.queries) return;
        float inverse = 1.0 / total[h];
        uint index = (gl_WorkGroupID.z * push.queries + query) * push.resultStride + firstOctet;
        [[unroll]] for (uint d = 0u; d < HEAD_OCTETS; d++) {
            Octet share = sum[h * HEAD_OCTETS + d];
            storeOctet(push.result, index + d, Octet(share.low * inverse, share.high * inverse), RESULT_TYPE);
        }
    }
}
