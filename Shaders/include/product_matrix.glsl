// The loop of a product for devices with matrix units.
//
// A workgroup makes TILE_ROWS x TILE_COLUMNS of the result, TILE_DEPTH deep at a time; each of its subgroups makes
// SUBGROUP_ROWS x SUBGROUP_COLUMNS in matrices of MATRIX_ROWS x MATRIX_COLUMNS, MATRIX_DEPTH deep. Two buffers of tiles in
// shared memory take turns: while one is multiplied, the next tile is on its way from memory to registers, so that a step
// waits for loads once and for the workgroup once. TILE_DEPTH is a multiple of 32, a whole group of quantised weights.
//
// Needs storage.glsl, format.glsl, matrix_elements.glsl, product_push.glsl, product_parts.glsl, and
// TILE_COLUMNS.

layout(constant_id = 12) const uint TILE_DEPTH = 32;
layout(constant_id = 13) const uint SUBGROUP_ROWS = 32;
layout(constant_id = 14) const uint SUBGROUP_COLUMNS = 32;
layout(constant_id = 15) const uint MATRIX_ROWS = 16;
layout(constant_id = 16) const uint MATRIX_COLUMNS = 16;
layout(constant_id = 17) const uint MATRIX_DEPTH = 16;

const uint SUBGROUPS_ACROSS = TILE_COLUMNS / SUBGROUP_COLUMNS;
const uint SUBGROUPS = TILE_ROWS / SUBGROUP_ROWS * SUBGROUPS_ACROSS;
const uint SUBGROUP_LANES = LANES / SUBGROUPS;
const uint MATRICES_DOWN = SUBGROUP_ROWS / MATRIX_ROWS;
const uint MATRICES_ACROSS = SUBGROUP_COLUMNS / MATRIX_COLUMNS;

const uint TILE_OCTETS = TILE_DEPTH / 8u;
const uint PITCH = TILE_OCTETS + 1u;        // the skew: 16 bytes of eight rows lie in different banks
const uint BUFFER = (TILE_ROWS + TILE_COLUMNS) * PITCH;

// Octets that 16 bytes of B hold, and 16 bytes in a row of B's tile.
const uint PACKED = octetsOfVector(B_TYPE);
const uint PACKS = TILE_OCTETS / PACKED;
const uint A_FETCHES = (TILE_ROWS * TILE_OCTETS + LANES - 1u) / LANES;
const uint B_FETCHES = (TILE_COLUMNS * PACKS + LANES - 1u) / LANES;

// A subgroup's sums on their way to the epilogue: a row of its matrices at a time, in quads with a skew of one.
const uint QUADS = SUBGROUP_COLUMNS / 4u;
const uint SUMS_PITCH = QUADS + 1u;
const uint SUMS = SUBGROUPS * MATRIX_ROWS * SUMS_PITCH;
// What a lane has of that. GPUs unroll it: only then do drivers unroll what is around it, and know each matrix by its place.
const uint TURNS = (MATRIX_ROWS * QUADS + SUBGROUP_LANES - 1u) / SUBGROUP_LANES;

// One array for both, as words: matrices are loaded from and stored to 16-byte units, whatever their element is.
shared uvec4 tiles[2u * BUFFER > SUMS ? 2u * BUFFER : SUMS];

// Where the rows of A and B begin that a thread fetches from, in 16 bytes. Rows beyond an edge repeat the last one: loads
// stay inside, and nothing of theirs is stored.
uint startsA[A_FETCHES];
uint startsB[B_FETCHES];

// What a thread has fetched of the next tile, as it lay in memory.
uvec4 fetchedA[A_FETCHES];
uvec4 fetchedB[B_FETCHES];
vec2 fetchedScale[B_FETCHES];

void findRows(uint firstRow, uint firstColumn, uint octets) {
    uint groups = (octets + 3u) / 4u;
    [[unroll]] for (uint i = 0u; i < A_FETCHES; i++) {
        uint unit = i * LANES + gl_LocalInvocationIndex;
        startsA[i] = min(firstRow + unit / TILE_OCTETS, push.rows - 1u) * octets;
    }
    [[unroll]] for (uint i = 0u; i < B_FETCHES; i++) {
        uint unit = i * LANES + gl_LocalInvocationIndex;
        uint column = min(firstColumn + unit / PACKS, push.columns - 1u);
        startsB[i] = isPlain(B_TYPE) ? column * octets : rowStart(column, groups, B_TYPE);
    }
}

// Every load is made, whatever is beyond the depth: under a condition it would be a branch, at whose end drivers wait for
// it (RADV 25.0 does), and nothing would overlap with the products.
void fetch(uint first, uint octets) {
    [[unroll]] for (uint i = 0u; i < A_FETCHES; i++) {
        uint unit = i * LANES + gl_LocalInvocationIndex;
        fetchedA[i] = loadWords(push.a, startsA[i] + min(first + unit % TILE_OCTETS, octets - 1u));
    }
    uint groups = (octets + 3u) / 4u;
    [[unroll]] for (uint i = 0u; i < B_FETCHES; i++) {
        uint unit = i * LANES + gl_LocalInvocationIndex;
        uint octet = min(first + unit % PACKS * PACKED, octets - 1u);
        fetchedB[i] = loadWords(push.b, startsB[i] + octet / PACKED);
        if (isQuantized(B_TYPE)) fetchedScale[i] = loadScale(push.b, startsB[i], octet / 4u, groups, B_TYPE);
    }
}

// Whether a thread's unit is one of `count`; where threads divide them evenly, that is known when the pipeline is made.
bool isUnit(uint unit, uint count) { return count % LANES == 0u || unit < count; }

// From registers to a buffer. Beyond the depth A becomes zero, and B is finite.
void stage(uint start, uint first, uint octets) {
    [[unroll]] for (uint i = 0u; i < A_FETCHES; i++) {
        uint unit = i * LANES + gl_LocalInvocationIndex;
        if (!isUnit(unit, TILE_ROWS * TILE_OCTETS)) continue;
        bool inside = first + unit % TILE_OCTETS < octets;
        tiles[start + unit / TILE_OCTETS * PITCH + unit % TILE_OCTETS] = mix(uvec4(0u), fetchedA[i], bvec4(inside));
    }
    [[unroll]] for (uint i = 0u; i < B_FETCHES; i++) {
        uint unit = i * LANES + gl_LocalInvocationIndex;
        if (!isUnit(unit, TILE_COLUMNS * PACKS)) continue;
        uint at = start + (TILE_ROWS + unit / PACKS) * PITCH + unit % PACKS * PACKED;
        if (isPlain(B_TYPE)) {
            tiles[at] = fetchedB[i];
        } else {
            [[unroll]] for (uint k = 0u; k < PACKED; k++) {
                tiles[at + k] = packElements(octetOfVector(fetchedB[i], k, fetchedScale[i], B_TYPE));
            }
        }
    }
}

// A quad of the sums that begin at `start`, the first of which is at `row` and `column`.
void storeSumOf(uint turn, uint start, uint row, uint column) {
    uint n = turn * SUBGROUP_LANES + gl_SubgroupInvocationID;
    if (n >= MATRIX_ROWS * QUADS) return;
    storeSum(row + n / QUADS, column + n % QUADS * 4u,
             uintBitsToFloat(tiles[start + n / QUADS * SUMS_PITCH + n % QUADS]));
}

// Over the depth's octets from `begin` to `end`: whole steps, or all that is left.
void product(uint begin, uint end) {
    uint firstRow = gl_WorkGroupID.y * TILE_ROWS;
    uint firstColumn = gl_WorkGroupID.x * TILE_COLUMNS;
    uint subgroupRow = gl_SubgroupID / SUBGROUPS_ACROSS * SUBGROUP_ROWS;
    uint subgroupColumn = gl_SubgroupID % SUBGROUPS_ACROSS * SUBGROUP_COLUMNS;

    coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator>
        sums[MATRICES_DOWN * MATRICES_ACROSS];
    [[unroll]] for (uint i = 0u; i < MATRICES_DOWN * MATRICES_ACROSS; i++) {
        sums[i] = coopmat<float, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_COLUMNS, gl_MatrixUseAccumulator>(0.0);
    }

    uint octets = push.depth / 8u;
    findRows(firstRow, firstColumn, octets);
    fetch(begin, octets);
    stage(0u, begin, octets);
    uint current = 0u;
    for (uint first = begin; first < end; first += TILE_OCTETS) {
        bool more = first + TILE_OCTETS < end;
        if (more) fetch(first + TILE_OCTETS, octets);
        // Behind it this step's tile is complete, and the buffer of the step before is read no more.
        barrier();
        uint startA = current + subgroupRow * PITCH;
        uint startB = current + (TILE_ROWS + subgroupColumn) * PITCH;
        for (uint k = 0u; k < TILE_DEPTH / MATRIX_DEPTH; k++) {
            coopmat<ELEMENT, gl_ScopeSubgroup, MATRIX_ROWS, MATRIX_DEPTH, gl_MatrixUseA> a[MATRICES_DOWN];
            [[unroll]] for (uint i = 0u; i < MATRICES_DOWN; i++) {
                coopMatLoad(a[i], tiles, startA + i * MATRIX_ROWS * PITCH + k * (MATRIX_DEPTH / 8u), PITCH,
                            gl_CooperativeMatrixLayoutRowMajor);
            }
            [[unroll]] for (uint j = 0u; j < MATRICES_ACROSS; j++) {
                coopmat<ELEMENT, gl_ScopeSubgroup, MATRIX_DEPTH, MATRIX_COLUMNS, gl_MatrixUseB> b;
                coopMatLoad(b, tiles, startB + j * MATRIX_COLUMNS * PITCH + k * (MATRIX_DEPTH / 8u), PITCH,
                            gl_CooperativeMatrixLayoutColumnMajor);
                [[unroll]] for (uint i = 0u; i < MATRICES_DOWN; i++) {
                    sums[i * MATRICES_ACROSS + j] = coopMatMulAdd(a[i], b, sums[i * MATRICES_ACROSS + j]);
                }
            }
        }
        current = BUFFER - current;
        if (more) stage(current, first + TILE_OCTETS, octets);
    }

    // The place of a matrix's elements among the lanes is the driver's secret, so the epilogue takes them from memory.
    barrier();
    uint start = gl_SubgroupID * (MATRIX_ROWS * SUMS_PITCH);
    [[unroll]] for (uint i = 0u; i < MATRICES_DOWN; i++) {
        [[unroll]] for (uint j = 0u; j < MATRICES_ACROSS; j++) {
            coopMatStore(sums[i * MATRICES_ACROSS + j], tiles, start + j * (MATRIX_COLUMNS / 4u), SUMS_PITCH,
                         gl_CooperativeMatrixLayoutRowMajor);
        }
        subgroupBarrier();
        uint row = firstRow + subgroupRow + i * MATRIX_ROWS;
        uint column = firstColumn + subgroupColumn;
        if (TURNS <= 8u) {
            [[unroll]] for (uint turn = 0u; turn < TURNS; turn++) storeSumOf(turn, start, row, column);
        } else {
            [[dont_unroll]] for (uint turn = 0u; turn < TURNS; turn++) storeSumOf(turn, start, row, column);
        }
        subgroupBarrier();
    }
}
