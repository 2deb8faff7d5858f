// The loop of a product for devices with fast shared memory.
//
// A workgroup makes TILE_ROWS x TILE_COLUMNS of the result, 16 deep at a time: it stages both tiles in shared memory,
// transposed so that a thread reads its rows and its columns at one depth side by side, and each thread keeps THREAD_ROWS
// rows by THREAD_QUADS quads of columns in registers. What the next step needs is loaded into registers before this
// step's arithmetic, so that global memory is waited for meanwhile. Contract as in product_subgroup.glsl, but that sums go
// to `void storeSum(uint row, uint column, vec4 sum)`; the including file declares TILE_COLUMNS and THREAD_QUADS.

const uint DEPTH = 16u;
const uint THREAD_ROWS = TILE_ROWS * TILE_COLUMNS / (LANES * 4u * THREAD_QUADS);
const uint COLUMN_THREADS = TILE_COLUMNS / (4u * THREAD_QUADS);
// Octets of both tiles, two a row, and how many of them a thread loads.
const uint STAGED = (TILE_ROWS + TILE_COLUMNS) * 2u;
const uint LOADS = (STAGED + LANES - 1u) / LANES;
const uint A_PITCH = TILE_ROWS + 4u;    // the skew keeps the transposed stores off one bank
const uint B_PITCH = TILE_COLUMNS + 4u;

shared float tileA[DEPTH * A_PITCH];
shared vec4 tileB[DEPTH * B_PITCH / 4u];

void stageA(uint row, uint step, float value) { tileA[step * A_PITCH + row] = value; }
void stageB(uint column, uint step, float value) { tileB[(step * B_PITCH + column) / 4u][column % 4u] = value; }

// Rows and columns beyond an edge repeat the last, so that loads stay inside; beyond the depth there are zeros.
void load(uint firstRow, uint firstColumn, uint first, out Octet held[LOADS]) {
    [[unroll]] for (uint i = 0u; i < LOADS; i++) {
        uint place = gl_LocalInvocationIndex + i * LANES;
        uint octet = first + (place & 1u);
        held[i] = zeroOctet();
        if (octet >= push.depth / 8u || place >= STAGED) continue;
        if (place < TILE_ROWS * 2u) {
            held[i] = loadA(min(firstRow + place / 2u, push.rows - 1u), octet);
        } else {
            held[i] = loadB(min(firstColumn + place / 2u - TILE_ROWS, push.columns - 1u), octet);
        }
    }
}

void stage(Octet held[LOADS]) {
    [[unroll]] for (uint i = 0u; i < LOADS; i++) {
        uint place = gl_LocalInvocationIndex + i * LANES;
        uint step = (place & 1u) * 8u;
        if (place >= STAGED) continue;
        if (place < TILE_ROWS * 2u) {
            [[unroll]] for (uint k = 0u; k < 4u; k++) {
                stageA(place / 2u, step + k, held[i].low[k]);
                stageA(place / 2u, step + 4u + k, held[i].high[k]);
            }
        } else {
            uint column = place / 2u - TILE_ROWS;
            [[unroll]] for (uint k = 0u; k < 4u; k++) {
                stageB(column, step + k, held[i].low[k]);
                stageB(column, step + 4u + k, held[i].high[k]);
            }
        }
    }
}

// Over the depth's octets from `begin` to `end`: whole steps, or all that is left.
void product(uint begin, uint end) {
    uint thread = gl_LocalInvocationIndex;
    uint firstRow = gl_WorkGroupID.y * TILE_ROWS;
    uint firstColumn = gl_WorkGroupID.x * TILE_COLUMNS;
    uint threadRow = (thread / COLUMN_THREADS) * THREAD_ROWS;
    // A thread's quads lie COLUMN_THREADS apart: neighbours read neighbouring banks.
    uint threadQuad = thread % COLUMN_THREADS;

    vec4 sums[THREAD_ROWS * THREAD_QUADS];
    [[unroll]] for (uint i = 0u; i < THREAD_ROWS * THREAD_QUADS; i++) sums[i] = vec4(0.0);

    Octet held[LOADS];
    load(firstRow, firstColumn, begin, held);
    for (uint first = begin; first < end; first += DEPTH / 8u) {
        stage(held);
        barrier();
        if (first + DEPTH / 8u < end) load(firstRow, firstColumn, first + DEPTH / 8u, held);
        [[unroll]] for (uint step = 0u; step < DEPTH; step++) {
            vec4 b[THREAD_QUADS];
            [[unroll]] for (uint j = 0u; j < THREAD_QUADS; j++) {
                b[j] = tileB[step * B_PITCH / 4u + threadQuad + j * COLUMN_THREADS];
            }
            [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) {
                vec4 a = vec4(tileA[step * A_PITCH + threadRow + i]);
                [[unroll]] for (uint j = 0u; j < THREAD_QUADS; j++) {
                    sums[i * THREAD_QUADS + j] = fma(a, b[j], sums[i * THREAD_QUADS + j]);
                }
            }
        }
        barrier();
    }
    [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) {
        [[unroll]] for (uint j = 0u; j < THREAD_QUADS; j++) {
            storeSum(firstRow + threadRow + i, firstColumn + (threadQuad + j * COLUMN_THREADS) * 4u,
                     sums[i * THREAD_QUADS + j]);
        }
    }
}
