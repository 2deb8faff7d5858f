// Rows of a tile normalised by the subgroup that completes them, for products whose workgroup is one subgroup.

#extension GL_KHR_shader_subgroup_shuffle : require

shared float kept;
void park(uint place, float value) { kept = value; }
float parked(uint place) { return kept; }

float sumOfRow(float value) {
    [[unroll]] for (uint step = 1u; step < LANES; step *= 2u) value += subgroupShuffleXor(value, step);
    return value;
}

#include "arrivals.glsl"
#include "row_norm.glsl"

// - Parameter tileColumns: columns of the result that a workgroup makes.
void normalizeTile(uint tileColumns) {
    if ((EPILOGUE & EPILOGUE_NORM) == 0u) return;
    uint tiles = (push.columns + tileColumns - 1u) / tileColumns;
    if (!arrivesLast(push.arrivals, gl_WorkGroupID.y, tiles)) return;
    uint first = gl_WorkGroupID.y * TILE_ROWS;
    uint end = min(first + TILE_ROWS, push.rows);
    for (uint row = first; row < end; row++) normalizeRow(row, true, gl_SubgroupInvocationID, LANES);
}
