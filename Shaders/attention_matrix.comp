#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#ifdef BFLOAT
#extension GL_EXT_bfloat16 : require
#endif
// Flash attention on matrix units (VK_KHR_cooperative_matrix): softmax(scale * q k^T) v without ever storing the scores.
//
//   q [batch * queries, heads * head]   k, v [batch * keys, heads * head]   result [batch * queries, heads * head]
//
// q, k and v have the element type of the matrices; sums, scores and the softmax are f32. With CACHED, keys and values are
// a decoder's, as in attention.comp. A head is a whole number of matrices, wide and deep.
//
// Grid: query tiles x heads x batch. A subgroup has MATRIX_ROWS queries, whose q and result stay in its matrices; the
// workgroup stages BLOCK keys and values at a time in shared memory, while the next ones are on their way to registers.
// Scores pass through shared memory to the lanes, which know a row each (SHARE of them know one together), and back as
// weights; what the result so far fades by comes back to its matrices as a matrix whose rows are constant, since the
// place of an element among the lanes is the driver's secret. The loop order is FlashAttention-2's (Dao 2023, algorithm 1).

#include "storage.glsl"
#include "matrix_elements.glsl"
#ifdef CACHED
#include "cursor.glsl"
#endif

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 128;
layout(constant_id = 1) const uint HEAD_OCTETS = 8;
layout(constant_id = 2) const uint RESULT_TYPE = 0;
layout(constant_id = 3) const uint CAUSAL = 0;
layout(constant_id = 4) const uint SUBGROUPS = 4;
layout(constant_id = 5) const uint BLOCK = 32;
layout(constant_id = 6) const uint MATRIX_ROWS = 16;
layout(constant_id = 7) const uint MATRIX_COLUMNS = 16;
layout(constant_id = 8) const uint MATRIX_DEPTH = 16;

layout(push_constant, std430) uniform Push {
    Words q;
    Words k;
    Words v;
    WordsOut result;
#ifdef CACHED
    Cursor cursor;
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

const uint HEAD = 8u * HEAD_OCTETS;
const uint QUERIES = SUBGROUPS * MATRIX_ROWS;
const uint SUBGROUP_LANES = LANES / SUBGROUPS;
const uint SHARE = SUBGROUP_LANES / MATRIX_ROWS;    // lanes of a row
const uint LANE_OCTETS = BLOCK / 8u / SHARE;        // of a row's scores, a lane's
const uint DEEP = HEAD / MATRIX_DEPTH;
const uint WIDE_HEAD = HEAD / MATRIX_COLUMNS;

// All pitches are in units of 16 bytes, one more than a row has: the skew against bank conflicts.
const uint PITCH = HEAD_OCTETS + 1u;
const uint SCORES_PITCH = BLOCK / 4u + 1u;
const uint WEIGHTS_PITCH = BLOCK / 8u + 1u;
const uint FETCHES = (2u * BLOCK * HEAD_OCTETS + LANES - 1u) / LANES;

// Keys, behind them values; the queries before the first of them.
shared uvec4 tile[(2u * BLOCK > QUERIES ? 2u * BLOCK : QUERIES) * PITCH];
shared uvec4 scores[QUERIES * SCORES_PITCH];
shared uvec4 weights[QUERIES * WEIGHTS_PITCH];

uvec4 fetched[FETCHES];

// Keys beyond the last repeat it, and weigh nothing.
void fetch(uint first, uint keys, uint firstRow, uint firstOctet) {
    [[unroll]] for (uint i = 0u; i < FETCHES; i++) {
        uint unit = i * LANES + gl_LocalInvocationIndex;
        uint row = unit / HEAD_OCTETS;
        uint index = (firstRow + min(first + row % BLOCK, keys - 1u)) * push.keyStride + firstOctet + unit % HEAD_OCTETS;
        fetched[i] = row < BLOCK ? loadWords(push.k, index) : loadWords(push.v, index);
    }
}

void stage() {
    [[unroll]] for (uint i = 0u; i < FETCHES; i++) {
        uint unit = i * LANES + gl_LocalInvocationIndex;
        if (unit < 2u * BLOCK * HEAD_OCTETS) tile[unit / HEAD_OCTETS * PITCH + unit % HEAD_OCTETS] = fetched[i];
    }
}

// Of the lanes that know a row together.
float largestOfRow(float value) {
    for (uint step = 1u; step < SHARE; step *= 2u) value = max(value, subgroupShuffleXor(value, step));
    return value;
}
float sumOfRow(float value) {
    for (uint step = 1u; step < SHARE; step *= 2u) value += subgroupShuffleXor(value, step);
    return value;
}

void main() {
    uint thread = gl_LocalInvocationIndex;
    uint subgroupRow = gl_SubgroupID * MATRIX_ROWS;
    uint row = subgroupRow + gl_SubgroupInvocationID / SHARE;
    uint part = gl_SubgroupInvocationID % SHARE;
    uint firstQuery = gl_WorkGroupID.x * QUERIES;
    uint firstOctet = gl_WorkGroupID.y * HEAD_OCTETS;
#ifdef CACHED
    uint firstPosition = push.cursor.first;
    uint keys = min(firstPosition + push.cursor.count, push.keys);
    uint firstKeyRow = 0u;
    uint firstKeyOctet = gl_WorkGroupID.y / push.group * HEAD_OCTETS;
#else
    const uint firstPosition = 0u;
    uint keys = push.keys;
    uint firstKeyRow = gl_WorkGroupID.z * push.keys;
    uint firstKeyOctet = firstOctet;
#endif
    // With a causal mask, keys behind the tile's last query are of no use to any row.
    uint keysNeeded = CAUSAL != 0u ? min(keys, firstPosition + firstQuery + QUERIES) : keys;

    fetch(0u, keys, firstKeyRow, firstKeyOctet);
    for (uint unit = thread; unit < QUERIES * HEAD_OCTETS; unit += LANES) {
        uint query = min(firstQuery + unit / HEAD_OCTETS, push.queries - 1u);
        uint index = (gl_WorkGroupID.z * push.queries + query) * push.queryStride + firstOctet + unit % HEAD_OCTETS;
        tile[unit / HEAD_OCTETS * PITCH + unit % HEAD_OCTETS] = loadWords(push.q, index);
    }
    barrier();
    coopmat<ELEMENT, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_DEPTH, gl_MatrixUseA> q[DEEP];
    [[unroll]] for (uint d = 0u; d < DEEP; d++) {
        coopMatLoad(q[d], tile, subgroupRow * PITCH + d * (MATRIX_DEPTH / 8u), PITCH, gl_CooperativeMatrixLayoutRowMajor);
    }
    coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator> sums[WIDE_HEAD];
    [[unroll]] for (uint c = 0u; c < WIDE_HEAD; c++) {
        sums[c] = coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator>(0.0);
    }
    float largest = MASKED;
    float total = 0.0;

    uint scoresStart = subgroupRow * SCORES_PITCH;
    uint weightsStart = subgroupRow * WEIGHTS_PITCH;
    uint laneScores = row * SCORES_PITCH + part * LANE_OCTETS * 2u;
    uint lastSeen = CAUSAL != 0u ? min(keys - 1u, firstPosition + firstQuery + row) : keys - 1u;
    coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator> fade;

    for (uint first = 0u; first < keysNeeded; first += BLOCK) {
        barrier();
        stage();
        barrier();
        if (first + BLOCK < keysNeeded) fetch(first + BLOCK, keys, firstKeyRow, firstKeyOctet);

        for (uint j = 0u; j < BLOCK / MATRIX_COLUMNS; j++) {
            coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator> score =
                coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator>(0.0);
            [[unroll]] for (uint d = 0u; d < DEEP; d++) {
                coopmat<ELEMENT, gl_ScopeSubgroup, MATRIX_DEPTH, MATRIX_COLUMNS, gl_MatrixUseB> k;
                coopMatLoad(k, tile, j * MATRIX_COLUMNS * PITCH + d * (MATRIX_DEPTH / 8u), PITCH,
                            gl_CooperativeMatrixLayoutColumnMajor);
                score = coopMatMulAdd(q[d], k, score);
            }
            coopMatStore(score, scores, scoresStart + j * (MATRIX_COLUMNS / 4u), SCORES_PITCH,
                         gl_CooperativeMatrixLayoutRowMajor);
        }
        subgroupBarrier();

        uint firstKey = first + part * LANE_OCTETS * 8u;
        vec4 held[LANE_OCTETS * 2u];
        float grown = largest;
        [[unroll]] for (uint i = 0u; i < LANE_OCTETS * 2u; i++) {
            uvec4 key = firstKey + 4u * i + uvec4(0u, 1u, 2u, 3u);
            vec4 score = uintBitsToFloat(scores[laneScores + i]) * push.scale;
            held[i] = mix(vec4(MASKED), score, lessThanEqual(key, uvec4(lastSeen)));
            grown = max(grown, max(max(held[i].x, held[i].y), max(held[i].z, held[i].w)));
        }
        grown = largestOfRow(grown);
        float decay = exp(largest - grown);
        largest = grown;
        float added = 0.0;
        [[unroll]] for (uint i = 0u; i < LANE_OCTETS; i++) {
            vec4 low = mix(vec4(0.0), exp(held[2u * i] - grown), greaterThan(held[2u * i], vec4(MASKED)));
            vec4 high = mix(vec4(0.0), exp(held[2u * i + 1u] - grown), greaterThan(held[2u * i + 1u], vec4(MASKED)));
            added += dot(low + high, vec4(1.0));
            weights[row * WEIGHTS_PITCH + part * LANE_OCTETS + i] = packElements(Octet(low, high));
        }
        total = total * decay + sumOfRow(added);
        // All lanes of a row have read their scores before one of them puts something else there.
        subgroupBarrier();
        for (uint i = part; i < MATRIX_COLUMNS / 4u; i += SHARE) {
            scores[row * SCORES_PITCH + i] = floatBitsToUint(vec4(decay));
        }
        subgroupBarrier();

        coopMatLoad(fade, scores, scoresStart, SCORES_PITCH, gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint c = 0u; c < WIDE_HEAD; c++) sums[c] *= fade;
        for (uint j = 0u; j < BLOCK / MATRIX_DEPTH; j++) {
            coopmat<ELEMENT, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_DEPTH, gl_MatrixUseA> weight;
            coopMatLoad(weight, weights, weightsStart + j * (MATRIX_DEPTH / 8u), WEIGHTS_PITCH,
                        gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint c = 0u; c < WIDE_HEAD; c++) {
                coopmat<ELEMENT, gl_ScopeSubgroup, MATRIX_DEPTH, MATRIX_COLUMNS, gl_MatrixUseB> v;
                coopMatLoad(v, tile, (BLOCK + j * MATRIX_DEPTH) * PITCH + c * (MATRIX_COLUMNS / 8u), PITCH,
                            gl_CooperativeMatrixLayoutRowMajor);
                sums[c] = coopMatMulAdd(weight, v, sums[c]);
            }
        }
    }

    // The sums go out by way of the scores' place, as many columns at a time as it has.
    const uint matrices = BLOCK / MATRIX_COLUMNS;
    float inverse = 1.0 / total;
    uint query = firstQuery + row;
    uint index = (gl_WorkGroupID.z * push.queries + query) * push.resultStride + firstOctet;
    [[unroll]] for (uint c = 0u; c < WIDE_HEAD; c++) {
        coopMatStore(sums[c], scores, scoresStart + c % matrices * (MATRIX_COLUMNS / 4u), SCORES_PITCH,
                     gl_CooperativeMatrixLayoutRowMajor);
        if (c % matrices == matrices - 1u || c == WIDE_HEAD - 1u) {
            subgroupBarrier();
            uint octets = (c % matrices + 1u) * MATRIX_COLUMNS / 8u;
            uint start = (c - c % matrices) * MATRIX_COLUMNS / 8u;
            for (uint i = part; i < octets && query < push.queries; i += SHARE) {
                vec4 low = uintBitsToFloat(scores[row * SCORES_PITCH + 2u * i]) * inverse;
                vec4 high = uintBitsToFloat(scores[row * SCORES_PITCH + 2u * i + 1u]) * inverse;
                storeOctet(push.result, index + start + i, Octet(low, high), RESULT_TYPE);
            }
            subgroupBarrier();
        }
    }
}
