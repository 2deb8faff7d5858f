// Rows of a tile normalised by the workgroup that completes them; 16 threads share a row.
//
// The file that includes this defines `void park(uint place, float value)` and `float parked(uint place)`: shared memory of
// at least LANES places, LANES being the workgroup's threads, that its product does not use any more.

#include "arrivals.glsl"

const uint TEAM = 16u;

float sumOfRow(float value) {
    barrier();
    park(gl_LocalInvocationIndex, value);
    barrier();
    uint first = gl_LocalInvocationIndex / TEAM * TEAM;
    float sum = 0.0;
    for (uint i = first; i < min(first + TEAM, LANES); i++) sum += parked(i);
    return sum;
}

#include "row_norm.glsl"

// - Parameter tileColumns: columns of the result that a workgroup makes.
void normalizeTile(uint tileColumns) {
    if ((EPILOGUE & EPILOGUE_NORM) == 0u) return;
    uint tiles = (push.columns + tileColumns - 1u) / tileColumns;
    if (!arrivesLast(push.arrivals, gl_WorkGroupID.y, tiles)) return;

    uint teams = LANES / TEAM;
    uint team = gl_LocalInvocationIndex / TEAM;
    uint first = gl_WorkGroupID.y * TILE_ROWS;
    uint end = min(first + TILE_ROWS, push.rows);
    // All threads go round as often, since they meet at barriers.
    for (uint top = first; top < end; top += teams) {
        uint row = top + team;
        bool isReal = row < end && team < teams;
        normalizeRow(isReal ? row : top, isReal, gl_LocalInvocationIndex % TEAM, TEAM);
    }
}
