#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_shuffle : require
#extension GL_KHR_shader_subgroup_vote : require
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
// Grid: query tiles x heads x batch. A subgroup has MATRICES_DOWN times MATRIX_ROWS queries, whose q and result stay in its
// matrices: of two, each matrix of keys and values that it loads serves both. The workgroup stages BLOCK keys and values at a
// time in shared memory, while the next ones are on their way to registers.
// Values are staged transposed, since both products then read their right matrix along its depth, whole vectors at a time:
// along a row, elements that follow one another belong to different lanes, and AMD's compiler gathers them one by one.
//
// Scores pass through shared memory to the lanes, which know a row each (or SHARE of them one together, or each of them
// LANE_ROWS), and back as weights. The result so far fades only when some row's largest score has risen by more than SLACK;
// until then weights are as large as 2^SLACK, which f16 holds as exactly as those up to one. What it fades by comes to its matrices as a matrix
// whose rows are constant, since the place of an element among the lanes is the driver's secret. The loop order is
// FlashAttention-2's (Dao 2023, algorithm 1), the slack that of FlashAttention-4 (Dao and others, 2025).

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
layout(constant_id = 4) const uint SUBGROUPS = 4;
layout(constant_id = 5) const uint BLOCK = 32;
layout(constant_id = 6) const uint MATRIX_ROWS = 16;
layout(constant_id = 7) const uint MATRIX_COLUMNS = 16;
layout(constant_id = 8) const uint MATRIX_DEPTH = 16;
layout(constant_id = 9) const uint MATRICES_DOWN = 1;

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

// Finite, so that no difference of two scores is NaN.
const float MASKED = -1.7e38;
const float LOG2_E = 1.4426950408889634;
// Powers of two.
const float SLACK = 8.0;

const uint HEAD = 8u * HEAD_OCTETS;
const uint SUBGROUP_ROWS = MATRICES_DOWN * MATRIX_ROWS;
const uint QUERIES = SUBGROUPS * SUBGROUP_ROWS;
const uint SUBGROUP_LANES = LANES / SUBGROUPS;
const uint SHARE = SUBGROUP_LANES > SUBGROUP_ROWS ? SUBGROUP_LANES / SUBGROUP_ROWS : 1u;    // lanes of a row
const uint ROWS_APART = SUBGROUP_LANES / SHARE;
const uint LANE_ROWS = SUBGROUP_ROWS / ROWS_APART;
const uint LANE_OCTETS = BLOCK / 8u / SHARE;        // of a row's scores, a lane's
const uint LANE_QUADS = 2u * LANE_OCTETS;
const uint DEEP = HEAD / MATRIX_DEPTH;
const uint WIDE_HEAD = HEAD / MATRIX_COLUMNS;

// All pitches are in units of 16 bytes, one more than a row has: the skew against bank conflicts.
const uint PITCH = HEAD_OCTETS + 1u;
const uint VALUES_PITCH = BLOCK / 8u + 1u;
const uint SCORES_PITCH = BLOCK / 4u + 1u;

// Queries first, then keys, behind them values: a row of BLOCK keys for each column of the head. Columns of two neighbouring
// octets take turns there, and 16 rows are followed by a gap of two units, so that lanes which write words of eight octets
// and four pairs of keys at once meet all 32 banks.
const uint VALUES = BLOCK * PITCH;
const uint GAP = 2u;
const uint KEYS_AND_VALUES = VALUES + HEAD * VALUES_PITCH + HEAD / 16u * GAP;
shared uvec4 tile[KEYS_AND_VALUES > QUERIES * PITCH ? KEYS_AND_VALUES : QUERIES * PITCH];
// A row's scores, then its weights where they were, and behind those what its sums fade by.
shared uvec4 scores[QUERIES * SCORES_PITCH];
const uint FADE = BLOCK / 8u;

uint valueRow(uint octet, uint i) { return octet / 2u * 16u + 2u * i + octet % 2u; }
uint valueStart(uint row) { return VALUES + row * VALUES_PITCH + row / 16u * GAP; }

// An octet of two neighbouring keys, or values, is what a thread fetches and stages at a time.
const uint PAIRS = BLOCK / 2u * HEAD_OCTETS;
const uint FETCHES = (2u * PAIRS + LANES - 1u) / LANES;
const bool FETCH_IS_EVEN = 2u * PAIRS % LANES == 0u;
uvec4 fetched[2u * FETCHES];

// Whether a fetch is of values: mostly known without the thread.
bool ofValues(uint i) {
    if ((i + 1u) * LANES <= PAIRS) return false;
    return i * LANES >= PAIRS || i * LANES + gl_LocalInvocationIndex >= PAIRS;
}

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
        uint n = ofValues(i) ? unit - PAIRS : unit;
        uint key = first + n / HEAD_OCTETS * 2u;
        uint octet = firstOctet + n % HEAD_OCTETS;
        Words source = push.k;
        if (ofValues(i)) source = push.v;
        fetched[2u * i] = loadWords(source, (firstRow + min(key, keys - 1u)) * push.keyStride + octet);
        fetched[2u * i + 1u] = loadWords(source, (firstRow + min(key + 1u, keys - 1u)) * push.keyStride + octet);
    }
}

void stage() {
    [[unroll]] for (uint i = 0u; i < FETCHES; i++) {
        uint unit = i * LANES + gl_LocalInvocationIndex;
        if (!FETCH_IS_EVEN && unit >= 2u * PAIRS) continue;
        uvec4 even = fetched[2u * i];
        uvec4 odd = fetched[2u * i + 1u];
        if (ofValues(i)) {
            uint n = unit - PAIRS;
            uint octet = n % HEAD_OCTETS;
            uint pair = n / HEAD_OCTETS;
            uint start = valueStart(valueRow(octet, 0u)) + pair / 4u;
            [[unroll]] for (uint k = 0u; k < 4u; k++) {
                tile[start + 4u * k * VALUES_PITCH][pair % 4u] = (even[k] & 0xffffu) | (odd[k] << 16);
                tile[start + (4u * k + 2u) * VALUES_PITCH][pair % 4u] = (even[k] >> 16) | (odd[k] & 0xffff0000u);
            }
        } else {
            uint start = unit / HEAD_OCTETS * 2u * PITCH + unit % HEAD_OCTETS;
            tile[start] = even;
            tile[start + PITCH] = odd;
        }
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
    uint subgroupRow = gl_SubgroupID * SUBGROUP_ROWS;
    // The first of the lane's rows, which are ROWS_APART.
    uint row = subgroupRow + gl_SubgroupInvocationID / SHARE;
    uint part = gl_SubgroupInvocationID % SHARE;
    uint firstQuery = gl_WorkGroupID.x * QUERIES;
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
    // With a causal mask, keys behind the tile's last query are of no use to any row.
    uint keysNeeded = CAUSAL != 0u ? min(keys, firstPosition + firstQuery + QUERIES) : keys;

    const uint queryFetches = (QUERIES * HEAD_OCTETS + LANES - 1u) / LANES;
    uvec4 ownQueries[queryFetches];
    [[unroll]] for (uint i = 0u; i < queryFetches; i++) {
        uint unit = i * LANES + thread;
        uint query = min(firstQuery + unit / HEAD_OCTETS, push.queries - 1u);
        uint index = (gl_WorkGroupID.z * push.queries + query) * push.queryStride + firstOctet + unit % HEAD_OCTETS;
        ownQueries[i] = loadWords(push.q, index);
    }
    fetch(0u, keys, firstKeyRow, firstKeyOctet);
    [[unroll]] for (uint i = 0u; i < queryFetches; i++) {
        uint unit = i * LANES + thread;
        if (QUERIES * HEAD_OCTETS % LANES == 0u || unit < QUERIES * HEAD_OCTETS) {
            tile[unit / HEAD_OCTETS * PITCH + unit % HEAD_OCTETS] = ownQueries[i];
        }
    }
    barrier();
    coopmat<ELEMENT, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_DEPTH, gl_MatrixUseA> q[MATRICES_DOWN * DEEP];
    [[unroll]] for (uint m = 0u; m < MATRICES_DOWN; m++) {
        [[unroll]] for (uint d = 0u; d < DEEP; d++) {
            coopMatLoad(q[m * DEEP + d], tile, (subgroupRow + m * MATRIX_ROWS) * PITCH + d * (MATRIX_DEPTH / 8u), PITCH,
                        gl_CooperativeMatrixLayoutRowMajor);
        }
    }
    coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator>
        sums[MATRICES_DOWN * WIDE_HEAD];
    [[unroll]] for (uint i = 0u; i < MATRICES_DOWN * WIDE_HEAD; i++) {
        sums[i] = coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator>(0.0);
    }
    float largest[LANE_ROWS];
    float total[LANE_ROWS];
    [[unroll]] for (uint r = 0u; r < LANE_ROWS; r++) {
        largest[r] = MASKED;
        total[r] = 0.0;
    }

    uint scoresStart = subgroupRow * SCORES_PITCH;
    uint rowStart = row * SCORES_PITCH;
    uint seenByAll = CAUSAL != 0u ? min(keys, firstPosition + firstQuery + subgroupRow + 1u) : keys;
    float scale = push.scale * LOG2_E;

    for (uint first = 0u; first < keysNeeded; first += BLOCK) {
        barrier();
        stage();
        barrier();
        fetch(first + BLOCK, keys, firstKeyRow, firstKeyOctet);

        [[unroll]] for (uint j = 0u; j < BLOCK / MATRIX_COLUMNS; j++) {
            coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator> score[MATRICES_DOWN];
            [[unroll]] for (uint m = 0u; m < MATRICES_DOWN; m++) {
                score[m] = coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator>(0.0);
            }
            [[unroll]] for (uint d = 0u; d < DEEP; d++) {
                coopmat<ELEMENT, gl_ScopeSubgroup, MATRIX_DEPTH, MATRIX_COLUMNS, gl_MatrixUseB> k;
                coopMatLoad(k, tile, j * MATRIX_COLUMNS * PITCH + d * (MATRIX_DEPTH / 8u), PITCH,
                            gl_CooperativeMatrixLayoutColumnMajor);
                [[unroll]] for (uint m = 0u; m < MATRICES_DOWN; m++) {
                    score[m] = coopMatMulAdd(q[m * DEEP + d], k, score[m]);
                }
            }
            [[unroll]] for (uint m = 0u; m < MATRICES_DOWN; m++) {
                coopMatStore(score[m], scores, scoresStart + m * MATRIX_ROWS * SCORES_PITCH + j * (MATRIX_COLUMNS / 4u),
                             SCORES_PITCH, gl_CooperativeMatrixLayoutRowMajor);
            }
        }
        subgroupBarrier();

        vec4 held[LANE_ROWS * LANE_QUADS];
        [[unroll]] for (uint r = 0u; r < LANE_ROWS; r++) {
            [[unroll]] for (uint i = 0u; i < LANE_QUADS; i++) {
                uint place = rowStart + r * ROWS_APART * SCORES_PITCH + part * LANE_QUADS + i;
                held[r * LANE_QUADS + i] = uintBitsToFloat(scores[place]);
            }
        }
        if (first + BLOCK > seenByAll) {
            uint firstKey = first + part * LANE_OCTETS * 8u;
            [[unroll]] for (uint r = 0u; r < LANE_ROWS; r++) {
                uint position = firstPosition + firstQuery + row + r * ROWS_APART;
                uint lastSeen = CAUSAL != 0u ? min(keys - 1u, position) : keys - 1u;
                [[unroll]] for (uint i = 0u; i < LANE_QUADS; i++) {
                    uvec4 key = firstKey + 4u * i + uvec4(0u, 1u, 2u, 3u);
                    uint n = r * LANE_QUADS + i;
                    held[n] = mix(vec4(MASKED), held[n], lessThanEqual(key, uvec4(lastSeen)));
                }
            }
        }
        float grown[LANE_ROWS];
        bool rises = false;
        [[unroll]] for (uint r = 0u; r < LANE_ROWS; r++) {
            grown[r] = MASKED;
            [[unroll]] for (uint i = 0u; i < LANE_QUADS; i++) {
                vec4 score = held[r * LANE_QUADS + i];
                grown[r] = max(grown[r], max(max(score.x, score.y), max(score.z, score.w)));
            }
            grown[r] = max(largest[r], largestOfRow(grown[r]) * scale);
            rises = rises || grown[r] > largest[r] + SLACK;
        }
        // All lanes of a row have read their scores before one of them puts something else there.
        subgroupBarrier();
        if (subgroupAny(rises)) {
            [[unroll]] for (uint r = 0u; r < LANE_ROWS; r++) {
                float decay = exp2(largest[r] - grown[r]);
                largest[r] = grown[r];
                total[r] *= decay;
                [[unroll]] for (uint i = 0u; i < MATRIX_COLUMNS / 4u; i += SHARE) {
                    if (MATRIX_COLUMNS / 4u % SHARE == 0u || i + part < MATRIX_COLUMNS / 4u) {
                        scores[rowStart + r * ROWS_APART * SCORES_PITCH + FADE + i + part] = floatBitsToUint(vec4(decay));
                    }
                }
            }
            subgroupBarrier();
            coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator> fade;
            [[unroll]] for (uint m = 0u; m < MATRICES_DOWN; m++) {
                coopMatLoad(fade, scores, scoresStart + m * MATRIX_ROWS * SCORES_PITCH + FADE, SCORES_PITCH,
                            gl_CooperativeMatrixLayoutRowMajor);
                [[unroll]] for (uint c = 0u; c < WIDE_HEAD; c++) sums[m * WIDE_HEAD + c] *= fade;
            }
        }
        // Every row sees the first key, so that behind the first block a masked score is far below the largest.
        [[unroll]] for (uint r = 0u; r < LANE_ROWS; r++) {
            [[unroll]] for (uint i = 0u; i < LANE_OCTETS; i++) {
                vec4 low = exp2(fma(held[r * LANE_QUADS + 2u * i], vec4(scale), vec4(-largest[r])));
                vec4 high = exp2(fma(held[r * LANE_QUADS + 2u * i + 1u], vec4(scale), vec4(-largest[r])));
                total[r] += dot(low + high, vec4(1.0));
                scores[rowStart + r * ROWS_APART * SCORES_PITCH + part * LANE_OCTETS + i] = packElements(Octet(low, high));
            }
        }
        subgroupBarrier();

        [[unroll]] for (uint j = 0u; j < BLOCK / MATRIX_DEPTH; j++) {
            coopmat<ELEMENT, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_DEPTH, gl_MatrixUseA> weight[MATRICES_DOWN];
            [[unroll]] for (uint m = 0u; m < MATRICES_DOWN; m++) {
                coopMatLoad(weight[m], scores, scoresStart + m * MATRIX_ROWS * SCORES_PITCH + j * (MATRIX_DEPTH / 8u),
                            SCORES_PITCH, gl_CooperativeMatrixLayoutRowMajor);
            }
            [[unroll]] for (uint c = 0u; c < WIDE_HEAD; c++) {
                coopmat<ELEMENT, gl_ScopeSubgroup, MATRIX_DEPTH, MATRIX_COLUMNS, gl_MatrixUseB> v;
                coopMatLoad(v, tile, valueStart(c * MATRIX_COLUMNS) + j * (MATRIX_DEPTH / 8u), VALUES_PITCH,
                            gl_CooperativeMatrixLayoutColumnMajor);
                [[unroll]] for (uint m = 0u; m < MATRICES_DOWN; m++) {
                    sums[m * WIDE_HEAD + c] = coopMatMulAdd(weight[m], v, sums[m * WIDE_HEAD + c]);
                }
            }
        }
        // The next block's scores go where its lanes have read weights.
        subgroupBarrier();
    }

    // The sums go out by way of the scores' place, as many columns at a time as it has: of two octets they take turns.
    const uint matrices = BLOCK / MATRIX_COLUMNS;
    [[unroll]] for (uint r = 0u; r < LANE_ROWS; r++) total[r] = 1.0 / sumOfRow(total[r]);
    [[unroll]] for (uint start = 0u; start < WIDE_HEAD; start += matrices) {
        [[unroll]] for (uint c = 0u; c < matrices; c++) {
            if (start + c >= WIDE_HEAD) continue;
            [[unroll]] for (uint m = 0u; m < MATRICES_DOWN; m++) {
                coopMatStore(sums[m * WIDE_HEAD + start + c], scores,
                             scoresStart + m * MATRIX_ROWS * SCORES_PITCH + c * (MATRIX_COLUMNS / 4u), SCORES_PITCH,
                             gl_CooperativeMatrixLayoutRowMajor);
            }
        }
        subgroupBarrier();
        const uint firstOwn = start * MATRIX_COLUMNS / 8u;
        [[unroll]] for (uint r = 0u; r < LANE_ROWS; r++) {
            uint query = firstQuery + row + r * ROWS_APART;
            uint index = (gl_WorkGroupID.z * push.queries + query) * push.resultStride + firstOctet + firstOwn;
            [[unroll]] for (uint i = 0u; i < BLOCK / 8u; i += SHARE) {
                uint octet = i + part;
                uint place = rowStart + r * ROWS_APART * SCORES_PITCH + octet / 2u * 4u;
                vec4 own[4];
                [[unroll]] for (uint k = 0u; k < 4u; k++) {
                    vec4 both = uintBitsToFloat(scores[place + k]) * total[r];
                    own[k].xy = octet % 2u == 0u ? both.xz : both.yw;
                }
                if (query < push.queries && firstOwn + octet < HEAD_OCTETS) {
                    storeOctet(push.result, index + octet,
                               Octet(vec4(own[0].xy, own[1].xy), vec4(own[2].xy, own[3].xy)), RESULT_TYPE);
                }
            }
        }
        subgroupBarrier();
    }
}
