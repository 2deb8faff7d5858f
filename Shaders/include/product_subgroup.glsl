// The loop of a product for drivers whose lanes are slow to load and quick to shuffle, as CPU drivers are.
//
// One subgroup makes TILE_ROWS x 4 * LANES of the result. A lane owns four neighbouring columns, and of A the rows
// lane, lane + LANES, ...: it loads eight steps of the depth of each with wide loads, and the subgroup passes A's
// elements round by shuffles with a constant lane. Eight steps an iteration, because the loop's own cost (its mask
// and the counters) is paid per iteration.
//
// The file that includes this defines `Octet loadA(uint row, uint octet)`, `Octet loadB(uint column, uint octet)` and
// `void storeProduct(uint row, uint column, vec4 value)`, and rows, columns and depth in `push`.

#extension GL_KHR_shader_subgroup_shuffle : require

const uint HELD_ROWS = TILE_ROWS / LANES;

void accumulate(inout vec4 sums[TILE_ROWS], uint held, uint lane, vec4 a, Octet b0, Octet b1, Octet b2, Octet b3,
                bool low) {
    vec4 p0 = low ? b0.low : b0.high;
    vec4 p1 = low ? b1.low : b1.high;
    vec4 p2 = low ? b2.low : b2.high;
    vec4 p3 = low ? b3.low : b3.high;
    vec4 row = subgroupShuffle(a, lane);
    vec4 sum = sums[held * LANES + lane];
    sum = fma(vec4(row.x), vec4(p0.x, p1.x, p2.x, p3.x), sum);
    sum = fma(vec4(row.y), vec4(p0.y, p1.y, p2.y, p3.y), sum);
    sum = fma(vec4(row.z), vec4(p0.z, p1.z, p2.z, p3.z), sum);
    sum = fma(vec4(row.w), vec4(p0.w, p1.w, p2.w, p3.w), sum);
    sums[held * LANES + lane] = sum;
}

void product() {
    uint lane = gl_SubgroupInvocationID;
    uint firstRow = gl_WorkGroupID.y * TILE_ROWS;
    uint column = (gl_WorkGroupID.x * LANES + lane) * 4u;
    // Lanes beyond an edge repeat the last column or row, so that loads stay inside; nothing of theirs is stored.
    uint heldColumn = min(column, push.columns - 4u);

    vec4 sums[TILE_ROWS];
    [[unroll]] for (uint i = 0u; i < TILE_ROWS; i++) sums[i] = vec4(0.0);

    uint octets = push.depth / 8u;
    for (uint octet = 0u; octet < octets; octet++) {
        Octet b0 = loadB(heldColumn, octet);
        Octet b1 = loadB(heldColumn + 1u, octet);
        Octet b2 = loadB(heldColumn + 2u, octet);
        Octet b3 = loadB(heldColumn + 3u, octet);
        [[unroll]] for (uint held = 0u; held < HELD_ROWS; held++) {
            Octet a = loadA(min(firstRow + held * LANES + lane, push.rows - 1u), octet);
            [[unroll]] for (uint i = 0u; i < LANES; i++) {
                accumulate(sums, held, i, a.low, b0, b1, b2, b3, true);
                accumulate(sums, held, i, a.high, b0, b1, b2, b3, false);
            }
        }
    }
    // A loop that stays one wants its array in memory, the sums their registers: they are parked for it. Unrolled, the
    // epilogue would be most of the code, and drivers would compile it for seconds.
    vec4 parked[TILE_ROWS];
    [[unroll]] for (uint i = 0u; i < TILE_ROWS; i++) parked[i] = sums[i];
    [[dont_unroll]] for (uint i = 0u; i < TILE_ROWS; i++) storeProduct(firstRow + i, column, parked[i]);
}
