#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_NV_cooperative_matrix2 : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_16bit_storage : require
#ifdef BFLOAT
#extension GL_EXT_bfloat16 : require
#endif
// Flash attention on matrices of whole workgroups (VK_NV_cooperative_matrix2): what attention_matrix computes, with the same
// operands, CACHED or not. Grid: query tiles x heads x batch.
//
//   q [batch * queries, heads * head]   k, v [batch * keys, heads * head]   result [batch * queries, heads * head]
//
// The driver stages tiles and overlaps loads with products. Edges are its clamping, which reads zeros: of rows that there are
// not, and of columns between a head and WIDTH, which is the head in whole steps of the matrices. All that is known of a row
// (its largest score, its total, what fades) stands in every column of a matrix, so that the place of an element among the
// lanes need not be known.

#ifdef BFLOAT
#define NEAREST true
#else
#define HALVES
#endif
#include "storage.glsl"
#include "matrix_elements.glsl"
#ifdef CACHED
#include "places.glsl"
#endif

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 128;
layout(constant_id = 1) const uint HEAD_OCTETS = 8;
layout(constant_id = 2) const uint RESULT_TYPE = 0;
layout(constant_id = 3) const uint CAUSAL = 0;
layout(constant_id = 4) const uint QUERIES = 64;    // of a workgroup
layout(constant_id = 5) const uint BLOCK = 64;      // keys at a time
layout(constant_id = 6) const uint WIDTH = 64;
layout(constant_id = 7) const uint SLAB_ROWS = 16;  // of the result that pass through shared memory at a time
layout(constant_id = 8) const uint TOKENS = 0;      // queries and keys, where a pipeline serves one length; else 0

layout(push_constant, std430) uniform Push {
    Words q;
    Words k;
    Words v;
    WordsOut result;
#ifdef CACHED
    Places places;
    Uints pages;
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

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Elements {
    ELEMENT at[];
};

// Finite, so that a block in which all keys are masked makes no NaN.
const float MASKED = -1.7e38;
const uint HEAD = 8u * HEAD_OCTETS;

shared float slab[SLAB_ROWS * WIDTH];

// The driver calls these for each element, or for two, in any order.

float larger(const in float a, const in float b) { return max(a, b); }
float added(const in float a, const in float b) { return a + b; }

// Of a block's keys `room` are there, and the tile's first row stands `ahead` of the first of them.
float masked(const in uint row, const in uint column, const in float score, const in uint room, const in int ahead) {
    bool isSeen = column < room && (CAUSAL == 0u || int(column) <= ahead + int(row));
    return isSeen ? score : MASKED;
}
float largerOf(const in uint row, const in uint column, const in float a, const in float b) { return max(a, b); }
// Scores are scaled here, for base 2.
float faded(const in uint row, const in uint column, const in float before, const in float now, const in float scale) {
    return exp2((before - now) * scale);
}
float weight(const in uint row, const in uint column, const in float score, const in float largest, const in float scale) {
    return score == MASKED ? 0.0 : exp2((score - largest) * scale);
}
float keepSlab(const in uint row, const in uint column, const in float value, const in uint first) {
    if (row >= first && row < first + SLAB_ROWS) slab[(row - first) * WIDTH + column] = value;
    return value;
}

#define SUMS(COLUMNS) coopmat<float, gl_ScopeWorkgroup, QUERIES, COLUMNS, gl_MatrixUseAccumulator>

void main() {
    uint firstQuery = gl_WorkGroupID.x * QUERIES;
    uint firstOctet = gl_WorkGroupID.y * HEAD_OCTETS;
    uint queries = TOKENS != 0u ? TOKENS : push.queries;
#ifdef CACHED
    uint firstPosition = push.places.at[0].position;
    uint keys = min(push.places.at[0].keys, push.keys);
    uint firstKeyOctet = gl_WorkGroupID.y / push.group * HEAD_OCTETS;
#else
    const uint firstPosition = 0u;
    uint keys = TOKENS != 0u ? TOKENS : push.keys;
    uint keyStart = 8u * (gl_WorkGroupID.z * keys * push.keyStride + firstOctet);
#endif
    uint queryStart = 8u * (gl_WorkGroupID.z * queries * push.queryStride + firstOctet);
    // With a causal mask, keys behind the tile's last query are of no use to any row, and those up to its first of use to all.
    uint keysNeeded = CAUSAL != 0u ? min(keys, firstPosition + firstQuery + QUERIES) : keys;
    uint keysOpen = CAUSAL != 0u ? min(keys, firstPosition + firstQuery + 1u) : keys;

    tensorLayoutNV<2, gl_CooperativeMatrixClampModeConstantNV> queryLayout =
        createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV);
    queryLayout = setTensorLayoutDimensionNV(queryLayout, queries, HEAD);
    queryLayout = setTensorLayoutStrideNV(queryLayout, 8u * push.queryStride, 1u);
    tensorLayoutNV<2, gl_CooperativeMatrixClampModeConstantNV> keyLayout =
        createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV);
#ifndef CACHED
    keyLayout = setTensorLayoutDimensionNV(keyLayout, keys, HEAD);
#endif
    keyLayout = setTensorLayoutStrideNV(keyLayout, 8u * push.keyStride, 1u);
    tensorViewNV<2, false, 1, 0> transposed = createTensorViewNV(2, false, 1, 0);

    coopmat<ELEMENT, gl_ScopeWorkgroup, QUERIES, WIDTH, gl_MatrixUseA> q;
    coopMatLoadTensorNV(q, Elements(push.q).at, queryStart,
                        sliceTensorLayoutNV(queryLayout, firstQuery, QUERIES, 0u, WIDTH));
    SUMS(WIDTH) sums = SUMS(WIDTH)(0.0);
    SUMS(BLOCK) largest = SUMS(BLOCK)(MASKED);
    SUMS(BLOCK) total = SUMS(BLOCK)(0.0);
    float scale = push.scale * 1.4426950408889634;  // log2(e)

    for (uint first = 0u; first < keysNeeded; first += BLOCK) {
#ifdef CACHED
        // A block lies in one page, and is clamped where the sequence ends.
        uint keyStart = 8u * ((first + pageShift(push.pages, 0u, first)) * push.keyStride + firstKeyOctet);
        keyLayout = setTensorLayoutDimensionNV(keyLayout, min(keys - first, BLOCK), HEAD);
        const uint firstRow = 0u;
#else
        uint firstRow = first;
#endif
        coopmat<ELEMENT, gl_ScopeWorkgroup, WIDTH, BLOCK, gl_MatrixUseB> k;
        coopMatLoadTensorNV(k, Elements(push.k).at, keyStart, sliceTensorLayoutNV(keyLayout, firstRow, BLOCK, 0u, WIDTH),
                            transposed);
        SUMS(BLOCK) scores = coopMatMulAdd(q, k, SUMS(BLOCK)(0.0));
        if (first + BLOCK > keysOpen) {
            uint room = keys - first;
            int ahead = int(firstPosition + firstQuery) - int(first);
            coopMatPerElementNV(scores, scores, masked, room, ahead);
        }

        SUMS(BLOCK) grown, fade, gained;
        coopMatReduceNV(grown, scores, gl_CooperativeMatrixReduceRowNV, larger);
        coopMatPerElementNV(grown, grown, largerOf, largest);
        coopMatPerElementNV(fade, largest, faded, grown, scale);
        largest = grown;
        coopMatPerElementNV(scores, scores, weight, largest, scale);
        coopMatReduceNV(gained, scores, gl_CooperativeMatrixReduceRowNV, added);
        total = total * fade + gained;
        // All elements of a row are equal: any of them, in as many columns as the result has.
        SUMS(WIDTH) fadeOfResult;
        coopMatReduceNV(fadeOfResult, fade, gl_CooperativeMatrixReduceRowNV, larger);
        sums *= fadeOfResult;

        coopmat<ELEMENT, gl_ScopeWorkgroup, QUERIES, BLOCK, gl_MatrixUseA> weights =
            coopmat<ELEMENT, gl_ScopeWorkgroup, QUERIES, BLOCK, gl_MatrixUseA>(scores);
        coopmat<ELEMENT, gl_ScopeWorkgroup, BLOCK, WIDTH, gl_MatrixUseB> v;
        coopMatLoadTensorNV(v, Elements(push.v).at, keyStart, sliceTensorLayoutNV(keyLayout, firstRow, BLOCK, 0u, WIDTH));
        sums = coopMatMulAdd(weights, v, sums);
    }

    SUMS(WIDTH) totalOfResult;
    coopMatReduceNV(totalOfResult, total, gl_CooperativeMatrixReduceRowNV, larger);
    sums /= totalOfResult;
    for (uint first = 0u; first < QUERIES; first += SLAB_ROWS) {
        barrier();
        coopMatPerElementNV(sums, sums, keepSlab, first);
        barrier();
        for (uint n = gl_LocalInvocationIndex; n < SLAB_ROWS * HEAD_OCTETS; n += LANES) {
            uint row = n / HEAD_OCTETS, octet = n % HEAD_OCTETS;
            uint query = firstQuery + first + row;
            if (query >= queries) continue;
            uint at = row * WIDTH + 8u * octet;
            Octet value = Octet(vec4(slab[at], slab[at + 1u], slab[at + 2u], slab[at + 3u]),
                                vec4(slab[at + 4u], slab[at + 5u], slab[at + 6u], slab[at + 7u]));
            storeOctet(push.result, (gl_WorkGroupID.z * queries + query) * push.resultStride + firstOctet + octet, value,
                       RESULT_TYPE);
        }
    }
}
