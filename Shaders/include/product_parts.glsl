// A product whose depth is made in PARTS parts by workgroups apart (split-K), where its tiles are too few to fill a device.
//
//   parts [PARTS * rows, columns] f32: the sums of each part
//
// Grid: column tiles x row tiles x PARTS. Workgroups leave their sums in `parts`; of a tile's, the last to arrive adds them
// up, in the order of the parts whoever comes last, and goes on to the epilogue. The counters of tiles lie behind those of
// rows of tiles (tile_norm_workgroup.glsl). With one part nothing of this is left of the compiled kernel.
//
// Needs epilogue.glsl; the including file declares TILE_COLUMNS and PARTS, and includes tile_norm_workgroup.glsl, which brings
// arrivesLast.

bool arrivesLast(Arrivals arrivals, uint place, uint expected);

// The octets of the depth, from x to y, that this workgroup multiplies: whole steps of `octets`, shared out evenly, which
// leaves none for some where there are fewer steps than parts. Steps hold whole groups of quantised weights.
uvec2 depthOfPart(uint octets) {
    uint all = push.depth / 8u;
    if (PARTS == 1u) return uvec2(0u, all);
    uint steps = (all + octets - 1u) / octets;
    uint part = gl_WorkGroupID.z;
    return uvec2(steps * part / PARTS * octets, min(steps * (part + 1u) / PARTS * octets, all));
}

uint placeInPart(uint part, uint row, uint column) { return ((part * push.rows + row) * push.columns + column) / 4u; }

// Where a workgroup's loop brings four neighbouring sums.
void storeSum(uint row, uint column, vec4 sum) {
    if (PARTS == 1u) {
        storeProduct(row, column, sum);
    } else if (row < push.rows && column < push.columns) {
        push.parts.at[placeInPart(gl_WorkGroupID.z, row, column)] = sum;
    }
}

// Behind the loop: whether this workgroup completes its tile, which then has gone through the epilogue. All threads call it.
bool completesTile() {
    if (PARTS == 1u) return true;
    uint tilesDown = (push.rows + TILE_ROWS - 1u) / TILE_ROWS;
    uint tilesAcross = (push.columns + TILE_COLUMNS - 1u) / TILE_COLUMNS;
    uint counter = tilesDown + gl_WorkGroupID.y * tilesAcross + gl_WorkGroupID.x;
    if (!arrivesLast(push.arrivals, counter, PARTS)) return false;

    uint quads = TILE_COLUMNS / 4u;
    for (uint n = gl_LocalInvocationIndex; n < TILE_ROWS * quads; n += LANES) {
        uint row = gl_WorkGroupID.y * TILE_ROWS + n / quads;
        uint column = gl_WorkGroupID.x * TILE_COLUMNS + n % quads * 4u;
        if (row >= push.rows || column >= push.columns) continue;
        vec4 sum = push.parts.at[placeInPart(0u, row, column)];
        [[unroll]] for (uint part = 1u; part < PARTS; part++) sum += push.parts.at[placeInPart(part, row, column)];
        storeProduct(row, column, sum);
    }
    return true;
}
