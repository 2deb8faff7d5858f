#version 460
#extension GL_GOOGLE_include_directive : require
// The next token from a decoder's last row: its logits, as matvec makes them, and the token drawn from these, as sample does.
//
//   a [1, depth]     b [vocabulary, depth], rows padded with zeros to `columns`     logits [1, vocabulary] f32
//   settings: SamplingSettings     tokens: a word for each slot     drawn: words that the host reads
//   bests [parts] pairs: the largest of a part's logits; its index, and a bit where one of them is not finite
//
// Grid: parts of PART_COLUMNS columns. The workgroup that comes last goes through the parts, in an order that does not depend
// on who made them, and through the logits where more is wanted than the largest.

#extension GL_KHR_shader_subgroup_arithmetic : require

#include "storage.glsl"
#include "format.glsl"
#include "places.glsl"
#include "random.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint PART_COLUMNS = 64;
layout(constant_id = 2) const uint A_TYPE = 0;
layout(constant_id = 3) const uint B_TYPE = 0;

#include "sampling.glsl"

layout(buffer_reference, std430, buffer_reference_align = 4) coherent buffer SharedFloats {
    float at[];
};

layout(push_constant, std430) uniform Push {
    Words a;
    Words b;
    SharedFloats logits;
    SharedPairs bests;
    Arrivals arrivals;
    AllSettings settings;
    Places places;
    UintsOut tokens;
    UintsOut drawn;
    uint columns;
    uint depth;
    uint parts;
    uint vocabulary;
} push;

float storedLogit(uint index) { return push.logits.at[index]; }

const uint TILE_ROWS = 1u;
#ifdef AHEAD
#include "product_vector_ahead.glsl"
#else
#include "product_vector.glsl"
#endif

shared float kept;
void park(uint place, float value) { kept = value; }
float parked(uint place) { return kept; }
#include "arrivals.glsl"

const uint NOT_FINITE_BIT = 0x80000000u;

Best bestOfPart(uint part) {
    uvec2 pair = push.bests.at[part];
    return Best(uintBitsToFloat(pair.x), pair.y & ~NOT_FINITE_BIT, (pair.y & NOT_FINITE_BIT) == 0u);
}

shared float partLogits[PART_COLUMNS];

Best bestOfSubgroup(Best own) {
    float value = subgroupMax(own.value);
    uint index = subgroupMin(own.value == value ? own.index : NO_BEST.index);
    return Best(value, index, subgroupMin(own.finite ? 1u : 0u) != 0u);
}

void main() {
    uint first = gl_WorkGroupID.x * PART_COLUMNS;
    // None of those that fill up the parts.
    uint count = min(PART_COLUMNS, max(push.columns, first) - first);
    for (uint i = gl_SubgroupID; i < count / 4u; i += gl_NumSubgroups) {
        vec4 sums[TILE_ROWS];
        product(first + 4u * i, 1u, sums);
        vec4 sum = subgroupAdd(sums[0]);
        if (subgroupElect()) {
            [[unroll]] for (uint c = 0u; c < 4u; c++) partLogits[4u * i + c] = sum[c];
        }
    }
    barrier();
    Best best = NO_BEST;
    for (uint i = gl_LocalInvocationIndex; i < count; i += LANES) {
        float value = partLogits[i];
        push.logits.at[first + i] = value;
        if (first + i < push.vocabulary) best = bestWith(best, first + i, value);
    }
    best = bestOfSubgroup(best);
    if (subgroupElect()) keepBest(gl_SubgroupID, best);
    barrier();
    if (gl_LocalInvocationIndex == 0u) {
        for (uint i = 1u; i < gl_NumSubgroups; i++) best = better(best, keptBest(i));
        push.bests.at[gl_WorkGroupID.x] =
            uvec2(floatBitsToUint(best.value), best.index | (best.finite ? 0u : NOT_FINITE_BIT));
    }
    if (!arrivesLast(push.arrivals, 0u, push.parts)) return;

    best = NO_BEST;
    for (uint part = gl_LocalInvocationIndex; part < push.parts; part += LANES) best = better(best, bestOfPart(part));
    drawToken(bestOfLanes(best), push.settings.at[0], push.places.at[0], push.tokens, push.drawn, push.vocabulary);
}
