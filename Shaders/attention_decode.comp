#version 460
#extension GL_GOOGLE_include_directive : require
// Attention of the last position of each of several sequences over a decoder's keys and values, in parts of a sequence that run
// apart (flash decoding); the last of a head's to end puts them together.
//
//   q [rows, kvHeads * GROUP * head], qStride octets apart   cache [cache rows, 2 * kvHeads * head]
//   result [rows, kvHeads * GROUP * head]   pages [rows, pageStride] words: where a row's sequence lies (places.glsl)
//   parts [rows * mostParts * heads, head + 8] f32: sums of the weighted values, then largest score and total weight
//
// Grid: mostParts x kvHeads x rows. A subgroup serves the GROUP query heads that share keys and values, so that each is loaded once.
// A lane scores a key of LANES. Then the lanes lie over the values in SLOTS rows of ROW_LANES: a lane owns an octet of the
// head, and takes the keys of its slot, whose weights pass through shared memory; the slots' sums meet at the end. What a
// block needs is on its way, many loads at a time, before any of it is waited for. Where a row of values takes all lanes
// there is one slot, which weights reach by shuffles: so it is on CPU drivers, where a load is not waited for.

#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_shuffle : require

#define NEAREST true
#include "storage.glsl"
#include "format.glsl"
#include "cache.glsl"
#include "fetched.glsl"
#include "places.glsl"

shared float kept;
void park(uint place, float value) { kept = value; }
float parked(uint place) { return kept; }

#include "arrivals.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint HEAD_OCTETS = 8;
layout(constant_id = 2) const uint Q_TYPE = 0;
layout(constant_id = 3) const uint KV_TYPE = 0;
layout(constant_id = 4) const uint GROUP = 4;
layout(constant_id = 5) const uint RESULT_TYPE = 0;

layout(push_constant, std430) uniform Push {
    Words q;
    Words cache;
    SharedQuads parts;
    WordsOut result;
    Arrivals arrivals;  // a counter for each of kvHeads of each row
    Places places;
    Uints pages;
    uint qStride;
    uint pageStride;
    uint keyStride; // octets of a position
    uint mostParts;
    uint kvHeads;
    float scale;
} push;

const float NONE = -1.7e38;
// Lanes for a row of values: as many as it has octets, up to a power of two.
const uint WHOLE_ROW =
    HEAD_OCTETS <= 1u ? 1u : HEAD_OCTETS <= 2u ? 2u : HEAD_OCTETS <= 4u ? 4u : HEAD_OCTETS <= 8u ? 8u
    : HEAD_OCTETS <= 16u ? 16u : HEAD_OCTETS <= 32u ? 32u : LANES;
const uint ROW_LANES = WHOLE_ROW < LANES ? WHOLE_ROW : LANES;
const uint SLOTS = LANES / ROW_LANES;
const uint HELD = (HEAD_OCTETS + ROW_LANES - 1u) / ROW_LANES;   // octets of the head that a lane owns
const uint CHUNK = ROW_LANES < 8u ? ROW_LANES : 8u;             // octets that a lane fetches at a time
const uint PITCH = 2u * HEAD_OCTETS + 1u;               // quads of a part of a head


// Of a block's keys, for each the weights of all heads.
const uint GROUP_QUADS = (GROUP + 3u) / 4u;
shared vec4 weights[SLOTS > 1u ? LANES * GROUP_QUADS : 1u];

uint row() { return gl_WorkGroupID.z; }
uint partStart(uint part, uint head) { return ((row() * push.mostParts + part) * push.kvHeads * GROUP + head) * PITCH; }

// Octets of the row's queries, and of its result.
Octet query(uint head, uint octet) { return loadOctet(push.q, row() * push.qStride + head * HEAD_OCTETS + octet, Q_TYPE); }
void storeResult(uint head, uint octet, Octet value) {
    storeOctet(push.result, (row() * push.kvHeads * GROUP + head) * HEAD_OCTETS + octet, value, RESULT_TYPE);
}

// One octet of a head from all its parts, in their order whoever comes last: each brought to the largest score so far.
Octet combine(uint head, uint octet, uint parts) {
    const uint AT_ONCE = 4u;
    float largest = NONE;
    Octet sum = zeroOctet();
    float total = 0.0;
    for (uint first = 0u; first < parts; first += AT_ONCE) {
        Octet own[AT_ONCE];
        vec4 state[AT_ONCE];
        [[unroll]] for (uint i = 0u; i < AT_ONCE; i++) {
            uint start = partStart(min(first + i, parts - 1u), head);
            own[i] = Octet(push.parts.at[start + 2u * octet], push.parts.at[start + 2u * octet + 1u]);
            state[i] = push.parts.at[start + 2u * HEAD_OCTETS];
        }
        float grown = largest;
        [[unroll]] for (uint i = 0u; i < AT_ONCE; i++) grown = max(grown, state[i].x);
        float decay = exp(largest - grown);
        largest = grown;
        sum.low *= decay;
        sum.high *= decay;
        total *= decay;
        [[unroll]] for (uint i = 0u; i < AT_ONCE; i++) {
            float share = first + i < parts ? exp(state[i].x - grown) : 0.0;
            sum.low = fma(vec4(share), own[i].low, sum.low);
            sum.high = fma(vec4(share), own[i].high, sum.high);
            total = fma(share, state[i].y, total);
        }
    }
    float inverse = 1.0 / total;
    return Octet(sum.low * inverse, sum.high * inverse);
}

void main() {
    uint lane = gl_SubgroupInvocationID;
    uint kvHead = gl_WorkGroupID.y;
    uint keys = push.places.at[row()].keys;
    if (keys == 0u) {
        // The row fills up a bucket: what comes of it is nothing.
        for (uint n = lane; gl_WorkGroupID.x == 0u && n < GROUP * HEAD_OCTETS; n += LANES) {
            storeResult(kvHead * GROUP + n / HEAD_OCTETS, n % HEAD_OCTETS, zeroOctet());
        }
        return;
    }
    // Whole blocks of LANES keys, shared out evenly among as many parts as find one.
    uint blocks = (keys + LANES - 1u) / LANES;
    uint parts = clamp(blocks, 1u, push.mostParts);
    uint part = gl_WorkGroupID.x;
    if (part >= parts) return;
    uint begin = blocks * part / parts * LANES;
    uint end = min(blocks * (part + 1u) / parts * LANES, keys);

    Octet sum[GROUP * HELD];
    float largest[GROUP];
    float total[GROUP];
    [[unroll]] for (uint g = 0u; g < GROUP; g++) {
        [[unroll]] for (uint i = 0u; i < HELD; i++) sum[g * HELD + i] = zeroOctet();
        largest[g] = NONE;
        total[g] = 0.0;
    }

    uint slotStart = lane / ROW_LANES * ROW_LANES;
    // Lanes without an octet of their own repeat the last; they store nothing.
    uint valueOctet = push.keyStride / 2u + kvHead * HEAD_OCTETS + min(lane % ROW_LANES, HEAD_OCTETS - 1u);

    for (uint first = begin; first < end; first += LANES) {
        uint key = first + lane;
        // Of LANES keys those that a lane loads lie in one page; so do the values of its slot.
        uint ahead = LANES > PAGE ? lane / PAGE * PAGE : 0u;
        uint shift = pageShift(push.pages, row() * push.pageStride, min(first + ahead, keys - 1u));
        uint firstRow = first + shift;
        uint lastRow = keys - 1u + shift;
        uint cacheRow = min(firstRow + lane, lastRow);
        float score[GROUP];
        [[unroll]] for (uint g = 0u; g < GROUP; g++) score[g] = 0.0;
        Fetched values[CHUNK];
        if (SLOTS > 1u) {
            [[unroll]] for (uint firstOctet = 0u; firstOctet < HEAD_OCTETS; firstOctet += CHUNK) {
                Fetched own[CHUNK];
                [[unroll]] for (uint i = 0u; i < CHUNK; i++) {
                    uint d = min(firstOctet + i, HEAD_OCTETS - 1u);
                    own[i] = fetchOctet(push.cache, cacheRow, kvHead * HEAD_OCTETS + d, push.keyStride, KV_TYPE);
                }
                if (firstOctet == 0u) {
                    [[unroll]] for (uint i = 0u; i < CHUNK; i++) {
                        uint valueRow = min(firstRow + slotStart + i, lastRow);
                        values[i] = fetchOctet(push.cache, valueRow, valueOctet, push.keyStride, KV_TYPE);
                    }
                }
                [[unroll]] for (uint i = 0u; i < CHUNK; i++) {
                    uint d = firstOctet + i;
                    if (d >= HEAD_OCTETS) continue;
                    Octet k = widen(own[i], KV_TYPE);
                    [[unroll]] for (uint g = 0u; g < GROUP; g++) {
                        Octet q = query(kvHead * GROUP + g, d);
                        score[g] += dot(q.low, k.low) + dot(q.high, k.high);
                    }
                }
            }
        } else {
            for (uint d = 0u; d < HEAD_OCTETS; d++) {
                Octet k = loadKey(push.cache, cacheRow, kvHead * HEAD_OCTETS + d, push.keyStride, KV_TYPE);
                [[unroll]] for (uint g = 0u; g < GROUP; g++) {
                    Octet q = query(kvHead * GROUP + g, d);
                    score[g] += dot(q.low, k.low) + dot(q.high, k.high);
                }
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
        if (SLOTS > 1u) {
            barrier();
            [[unroll]] for (uint g = 0u; g < GROUP; g++) weights[lane * GROUP_QUADS + g / 4u][g % 4u] = score[g];
            barrier();
            [[unroll]] for (uint j = 0u; j < ROW_LANES; j += CHUNK) {
                if (j > 0u) {
                    [[unroll]] for (uint i = 0u; i < CHUNK; i++) {
                        uint valueRow = min(firstRow + slotStart + j + i, lastRow);
                        values[i] = fetchOctet(push.cache, valueRow, valueOctet, push.keyStride, KV_TYPE);
                    }
                }
                [[unroll]] for (uint i = 0u; i < CHUNK; i++) {
                    Octet v = widen(values[i], KV_TYPE);
                    [[unroll]] for (uint g = 0u; g < GROUP; g++) {
                        vec4 weight = vec4(weights[(slotStart + j + i) * GROUP_QUADS + g / 4u][g % 4u]);
                        sum[g].low = fma(weight, v.low, sum[g].low);
                        sum[g].high = fma(weight, v.high, sum[g].high);
                    }
                }
            }
            continue;
        }
        uint count = min(end - first, LANES);
        for (uint j = 0u; j < count; j++) {
            float weight[GROUP];
            [[unroll]] for (uint g = 0u; g < GROUP; g++) weight[g] = subgroupShuffle(score[g], j);
            [[unroll]] for (uint i = 0u; i < HELD; i++) {
                // Lanes without an octet of their own repeat the last; they store nothing.
                uint d = min(i * LANES + lane, HEAD_OCTETS - 1u);
                Octet v = loadValue(push.cache, firstRow + j, kvHead * HEAD_OCTETS + d, push.keyStride, KV_TYPE);
                [[unroll]] for (uint g = 0u; g < GROUP; g++) {
                    sum[g * HELD + i].low = fma(vec4(weight[g]), v.low, sum[g * HELD + i].low);
                    sum[g * HELD + i].high = fma(vec4(weight[g]), v.high, sum[g * HELD + i].high);
                }
            }
        }
    }

    [[unroll]] for (uint step = ROW_LANES; step < LANES; step *= 2u) {
        [[unroll]] for (uint g = 0u; g < GROUP; g++) {
            sum[g].low += subgroupShuffleXor(sum[g].low, step);
            sum[g].high += subgroupShuffleXor(sum[g].high, step);
        }
    }
    [[unroll]] for (uint g = 0u; g < GROUP; g++) {
        uint head = kvHead * GROUP + g;
        float inverse = 1.0 / total[g];
        [[unroll]] for (uint i = 0u; i < HELD; i++) {
            uint d = i * ROW_LANES + lane % ROW_LANES;
            // All slots know the sums by now, and take turns.
            if (d >= HEAD_OCTETS || lane / ROW_LANES != g % SLOTS) continue;
            Octet own = sum[g * HELD + i];
            if (parts == 1u) {
                storeResult(head, d, Octet(own.low * inverse, own.high * inverse));
            } else {
                push.parts.at[partStart(part, head) + 2u * d] = own.low;
                push.parts.at[partStart(part, head) + 2u * d + 1u] = own.high;
            }
        }
        if (parts > 1u && subgroupElect()) {
            push.parts.at[partStart(part, head) + 2u * HEAD_OCTETS] = vec4(largest[g], total[g], 0.0, 0.0);
        }
    }
    if (parts == 1u || !arrivesLast(push.arrivals, row() * push.kvHeads + kvHead, parts)) return;
    for (uint n = lane; n < GROUP * HEAD_OCTETS; n += LANES) {
        uint head = kvHead * GROUP + n / HEAD_OCTETS;
        storeResult(head, n % HEAD_OCTETS, combine(head, n % HEAD_OCTETS, parts));
    }
}
