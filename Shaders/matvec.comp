#version 460
#extension GL_GOOGLE_include_directive : require
// Matrix product for at most TILE_ROWS rows, with the same epilogue as matmul: bound by reading B once.
//
// One subgroup makes four columns of every row. The last workgroup normalises the rows, or quantises keys and values, where
// that is wanted.
// Grid: quads of columns.

#extension GL_KHR_shader_subgroup_arithmetic : require

#ifdef AHEAD
#define NEAREST true
#endif
#include "storage.glsl"
#include "format.glsl"
#include "gelu.glsl"
#include "product_constants.glsl"
#include "places.glsl"
#include "product_push.glsl"
#include "epilogue.glsl"

shared float kept;
void park(uint place, float value) { kept = value; }
float parked(uint place) { return kept; }
float sumOfRow(float value) { return subgroupAdd(value); }

#include "arrivals.glsl"
#include "row_norm.glsl"
#ifdef AHEAD
#include "row_norm_ahead.glsl"
#endif

Octet loadKept(uint row, uint octet) {
    return loadResult((row * push.columns + push.splitColumn) / 8u + octet, RESULT_TYPE);
}

#include "quantize_groups.glsl"

#ifdef AHEAD
#include "product_vector_ahead.glsl"
#else
#include "product_vector.glsl"
#endif

void main() {
    uint quad = gl_WorkGroupID.x * gl_NumSubgroups + gl_SubgroupID;
    vec4 sums[TILE_ROWS];
    product(min(quad * 4u, push.columns - 4u), push.rows, sums);
    [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) {
        vec4 sum = subgroupAdd(sums[row]);
        if (subgroupElect()) storeProduct(row, quad * 4u, sum);
    }
    if ((EPILOGUE & (EPILOGUE_NORM | EPILOGUE_QUANTIZE)) == 0u) return;
    uint workgroups = (push.columns / 4u + gl_NumSubgroups - 1u) / gl_NumSubgroups;
    if (!arrivesLast(push.arrivals, 0u, workgroups)) return;
    if ((EPILOGUE & EPILOGUE_NORM) != 0u) {
        for (uint row = gl_SubgroupID; row < push.rows; row += gl_NumSubgroups) {
#ifdef AHEAD
            normalizeRowAhead(row, gl_SubgroupInvocationID, gl_SubgroupSize);
#else
            normalizeRow(row, true, gl_SubgroupInvocationID, gl_SubgroupSize);
#endif
        }
    } else {
        uint columns = push.columns - push.splitColumn;
        for (uint row = 0u; row < push.rows; row++) {
            uint target = push.places.at[row].row;
            if (target == NO_ROW) continue;
            for (uint pair = gl_LocalInvocationIndex; 64u * pair < columns; pair += LANES) {
                quantizePair(push.other, target, row, pair, columns / 8u);
            }
        }
    }
}
