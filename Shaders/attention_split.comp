#version 460
#extension GL_GOOGLE_include_directive : require
// Flash attention for GPUs without matrix units: softmax(scale * q k^T) v without ever storing the scores.
//
//   q [batch * queries, heads * head]   k, v [batch * keys, heads * head]   result [batch * queries, heads * head]
//
// With CACHED, keys and values are a decoder's, as in attention.comp.
//
// Grid: query tiles x heads x batch. SPLIT neighbouring lanes share four queries: each owns a part of the head of all four,
// so that what it reads of a key or value in shared memory serves four queries. (With a query a lane, as in
// attention_shared, reading takes twice the time of multiplying on AMD's GPUs.) Lane s keeps query h ^ s in register h: then
// sums over the lanes' parts meet by exchanges with lanes s ^ 1, s ^ 2, after which lane s knows the score of query s, has
// its softmax, and hands out its weights by the same exchanges. The workgroup stages STAGED keys in shared memory as f32,
// while the next ones are on their way to registers. The loop order is FlashAttention-2's (Dao 2023, algorithm 1).

#extension GL_KHR_shader_subgroup_shuffle : require

#define NEAREST true
#include "storage.glsl"
#include "format.glsl"
#include "fetched.glsl"
#ifdef CACHED
#include "places.glsl"
#endif

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 64;
layout(constant_id = 1) const uint HEAD_OCTETS = 8;
layout(constant_id = 2) const uint Q_TYPE = 0;
layout(constant_id = 3) const uint KV_TYPE = 0;
layout(constant_id = 4) const uint RESULT_TYPE = 0;
layout(constant_id = 5) const uint CAUSAL = 0;
layout(constant_id = 6) const uint SPLIT = 4;   // a power of two of lanes, four or more

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

// Finite, so that no difference of two scores is NaN.
const float MASKED = -1.7e38;
const float LOG2_E = 1.4426950408889634;
// Sums fade only when a largest score has risen by more, in powers of two.
const float SLACK = 8.0;

const uint STAGED = 16u;
const uint BLOCK = 4u;      // keys at a time: all sixteen take a driver minutes to compile
const uint HELD = 4u;       // queries of a lane
const uint OWN = (2u * HEAD_OCTETS + SPLIT - 1u) / SPLIT;   // quads of the head, a lane's: s, s + SPLIT, ...
const uint PITCH = OWN * SPLIT;
const uint QUERIES = LANES / SPLIT * HELD;
const uint FETCHES = (STAGED * HEAD_OCTETS + LANES - 1u) / LANES;
const bool FETCH_IS_EVEN = STAGED * HEAD_OCTETS % LANES == 0u;

shared vec4 stagedK[STAGED * PITCH];
shared vec4 stagedV[STAGED * PITCH];

Fetched fetchedK[FETCHES];
Fetched fetchedV[FETCHES];

// Keys beyond the last repeat it, and weigh nothing. No load has a condition: a branch would wait for it at its end.
void fetch(uint first, uint keys, uint firstRow, uint firstOctet) {
#ifdef CACHED
    // They lie in one page.
    uint shift = pageShift(push.pages, 0u, min(first, keys - 1u));
    first += shift;
    keys += shift;
#endif
    [[unroll]] for (uint i = 0u; i < FETCHES; i++) {
        uint unit = i * LANES + gl_LocalInvocationIndex;
        uint row = firstRow + min(first + unit / HEAD_OCTETS, keys - 1u);
        uint octet = firstOctet + unit % HEAD_OCTETS;
#ifdef CACHED
        fetchedK[i] = fetchOctet(push.cache, row, octet, push.keyStride, KV_TYPE);
        fetchedV[i] = fetchOctet(push.cache, row, push.keyStride / 2u + octet, push.keyStride, KV_TYPE);
#else
        fetchedK[i] = fetchOctet(push.k, row, octet, push.keyStride, KV_TYPE);
        fetchedV[i] = fetchOctet(push.v, row, octet, push.keyStride, KV_TYPE);
#endif
    }
}

void stage() {
    [[unroll]] for (uint i = 0u; i < FETCHES; i++) {
        uint unit = i * LANES + gl_LocalInvocationIndex;
        if (!FETCH_IS_EVEN && unit >= STAGED * HEAD_OCTETS) continue;
        uint place = unit / HEAD_OCTETS * PITCH + unit % HEAD_OCTETS * 2u;
        Octet k = widen(fetchedK[i], KV_TYPE);
        Octet v = widen(fetchedV[i], KV_TYPE);
        stagedK[place] = k.low;
        stagedK[place + 1u] = k.high;
        stagedV[place] = v.low;
        stagedV[place + 1u] = v.high;
    }
}

float addProducts(vec4 x, vec4 y, float sum) { return fma(x.w, y.w, fma(x.z, y.z, fma(x.y, y.y, fma(x.x, y.x, sum)))); }

void main() {
    // Neighbours in the workgroup are neighbours in a subgroup: so it is on every driver that we know.
    uint lane = gl_LocalInvocationIndex;
    uint s = lane % SPLIT;
    uint firstQuery = gl_WorkGroupID.x * QUERIES + lane / SPLIT * HELD;
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

    fetch(0u, keys, firstKeyRow, firstKeyOctet);
    // What no lane has of a head is zero.
    if (PITCH > 2u * HEAD_OCTETS) {
        for (uint i = gl_LocalInvocationIndex; i < STAGED * PITCH; i += LANES) {
            stagedK[i] = vec4(0.0);
            stagedV[i] = vec4(0.0);
        }
    }
    vec4 q[HELD * OWN];
    vec4 sum[HELD * OWN];
    [[unroll]] for (uint h = 0u; h < HELD; h++) {
        uint query = min(firstQuery + (h ^ s % HELD), push.queries - 1u);
        uint row = (gl_WorkGroupID.z * push.queries + query) * push.queryStride + firstOctet;
        [[unroll]] for (uint i = 0u; i < OWN; i++) {
            uint quad = i * SPLIT + s;
            Octet both = loadOctet(push.q, row + min(quad / 2u, HEAD_OCTETS - 1u), Q_TYPE);
            vec4 own = mix(both.low, both.high, bvec4(quad % 2u == 1u)) * (push.scale * LOG2_E);
            q[h * OWN + i] = mix(vec4(0.0), own, bvec4(quad < 2u * HEAD_OCTETS));
            sum[h * OWN + i] = vec4(0.0);
        }
    }
    // Of the lane's own query, the one in register 0.
    float largest = MASKED;
    float total = 0.0;
    uint ownQuery = firstQuery + s % HELD;
    uint lastSeen = CAUSAL != 0u ? min(keys - 1u, firstPosition + ownQuery) : keys - 1u;

    // With a causal mask, keys behind the tile's last query are of no use to any lane.
    uint keysNeeded = CAUSAL != 0u ? min(keys, firstPosition + (gl_WorkGroupID.x + 1u) * QUERIES) : keys;
    for (uint first = 0u; first < keysNeeded; first += STAGED) {
        barrier();
        stage();
        barrier();
        fetch(first + STAGED, keys, firstKeyRow, firstKeyOctet);
        uint count = min(STAGED, keysNeeded - first);
        [[dont_unroll]] for (uint part = 0u; part < count; part += BLOCK) {
            float weight[BLOCK];
            float grown = largest;
            [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
                float products[HELD];
                [[unroll]] for (uint h = 0u; h < HELD; h++) products[h] = 0.0;
                [[unroll]] for (uint i = 0u; i < OWN; i++) {
                    vec4 k = stagedK[(part + j) * PITCH + i * SPLIT + s];
                    [[unroll]] for (uint h = 0u; h < HELD; h++) {
                        products[h] = addProducts(q[h * OWN + i], k, products[h]);
                    }
                }
                float even = products[0] + subgroupShuffleXor(products[1], 1u);
                float odd = products[2] + subgroupShuffleXor(products[3], 1u);
                float score = even + subgroupShuffleXor(odd, 2u);
                [[unroll]] for (uint step = 4u; step < SPLIT; step *= 2u) score += subgroupShuffleXor(score, step);
                weight[j] = first + part + j <= lastSeen ? score : MASKED;
                grown = max(grown, weight[j]);
            }
            float decay = 1.0;
            if (grown > largest + SLACK) {
                decay = exp2(largest - grown);
                largest = grown;
            }
            float decays[HELD];
            decays[0] = decay;
            [[unroll]] for (uint h = 1u; h < HELD; h++) decays[h] = subgroupShuffleXor(decay, h);
            if (decays[0] != 1.0 || decays[1] != 1.0 || decays[2] != 1.0 || decays[3] != 1.0) {
                total *= decay;
                [[unroll]] for (uint h = 0u; h < HELD; h++) {
                    [[unroll]] for (uint i = 0u; i < OWN; i++) sum[h * OWN + i] *= decays[h];
                }
            }
            [[unroll]] for (uint j = 0u; j < BLOCK; j++) {
                // Every query sees the first key, so that behind the first block a masked score is far below the largest.
                weight[j] = exp2(weight[j] - largest);
                total += weight[j];
                float weights[HELD];
                weights[0] = weight[j];
                [[unroll]] for (uint h = 1u; h < HELD; h++) weights[h] = subgroupShuffleXor(weight[j], h);
                [[unroll]] for (uint i = 0u; i < OWN; i++) {
                    vec4 v = stagedV[(part + j) * PITCH + i * SPLIT + s];
                    [[unroll]] for (uint h = 0u; h < HELD; h++) {
                        sum[h * OWN + i] = fma(vec4(weights[h]), v, sum[h * OWN + i]);
                    }
                }
            }
        }
    }

    // Lanes s and s ^ 1 have an octet's halves of the same queries, in registers h and h ^ 1; each stores two queries.
    float inverse = 1.0 / total;
    [[unroll]] for (uint h = 0u; h < HELD; h += 2u) {
        float own = subgroupShuffleXor(inverse, h);
        uint query = firstQuery + (h ^ s % HELD);
        uint row = (gl_WorkGroupID.z * push.queries + query) * push.resultStride + firstOctet;
        [[unroll]] for (uint i = 0u; i < OWN; i++) {
            vec4 mine = sum[h * OWN + i] * own;
            vec4 other = subgroupShuffleXor(sum[(h + 1u) * OWN + i], 1u) * own;
            uint octet = (i * SPLIT + s) / 2u;
            bool isLow = s % 2u == 0u;
            if (query < push.queries && octet < HEAD_OCTETS) {
                storeOctet(push.result, row + octet,
                           Octet(mix(other, mine, bvec4(isLow)), mix(mine, other, bvec4(isLow))), RESULT_TYPE);
            }
        }
    }
}
