// The loop of a product for drivers that load once what all lanes of a workgroup read at one address.
//
// One subgroup makes TILE_ROWS x 2 * LANES of the result. A lane owns two neighbouring columns, whose eight steps of the
// depth stay in registers while all rows pass by: A comes from memory as scalars. Four columns a lane would not fit in
// the registers. Contract as in product_subgroup.glsl.

#extension GL_KHR_shader_subgroup_shuffle : require

vec2 addQuad(vec2 sum, vec4 a, vec4 b0, vec4 b1) {
    sum = fma(vec2(a.x), vec2(b0.x, b1.x), sum);
    sum = fma(vec2(a.y), vec2(b0.y, b1.y), sum);
    sum = fma(vec2(a.z), vec2(b0.z, b1.z), sum);
    return fma(vec2(a.w), vec2(b0.w, b1.w), sum);
}

void product() {
    uint lane = gl_SubgroupInvocationID;
    uint firstRow = gl_WorkGroupID.y * TILE_ROWS;
    uint column = (gl_WorkGroupID.x * LANES + lane) * 2u;
    uint heldColumn = min(column, push.columns - 2u);

    vec2 sums[TILE_ROWS];
    [[unroll]] for (uint i = 0u; i < TILE_ROWS; i++) sums[i] = vec2(0.0);

    uint octets = push.depth / 8u;
    for (uint octet = 0u; octet < octets; octet++) {
        Octet b0 = loadB(heldColumn, octet);
        Octet b1 = loadB(heldColumn + 1u, octet);
        [[unroll]] for (uint i = 0u; i < TILE_ROWS; i++) {
            Octet a = loadA(min(firstRow + i, push.rows - 1u), octet);
            sums[i] = addQuad(addQuad(sums[i], a.low, b0.low, b1.low), a.high, b0.high, b1.high);
        }
    }
    // Parked for the loop that stays one, as in product_subgroup.glsl.
    vec2 parked[TILE_ROWS];
    [[unroll]] for (uint i = 0u; i < TILE_ROWS; i++) parked[i] = sums[i];
    // Of two rows, the even lane of a pair stores one and the odd lane the other, all four columns of both lanes.
    bool odd = (lane & 1u) != 0u;
    uint quadColumn = column & ~3u;
    [[dont_unroll]] for (uint i = 0u; i < TILE_ROWS; i += 2u) {
        vec2 first = parked[i];
        vec2 second = parked[i + 1u];
        vec2 passed = subgroupShuffleXor(odd ? first : second, 1u);
        vec4 value = odd ? vec4(passed, second) : vec4(first, passed);
        storeProduct(firstRow + i + (odd ? 1u : 0u), quadColumn, value);
    }
}
