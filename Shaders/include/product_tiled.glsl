// The loop of a product for devices with fast shared memory.
//
// A workgroup makes TILE_ROWS x TILE_COLUMNS of the result, 16 deep at a time: it stages both tiles in shared memory,
// transposed so that a thread reads its rows and its columns at one depth side by side, and each thread keeps THREAD_ROWS
// rows by THREAD_QUADS quads of columns in registers.
//
// What the next step needs is loaded before this step's arithmetic, and held as it lies in memory until it is staged, so
// that global memory is waited for meanwhile. No such load is under a condition: compilers make a branch of it, and wait at
// its end. Rows and columns beyond an edge repeat the last, and so do octets beyond the depth, where A then counts as zero.
//
// The including file declares TILE_COLUMNS and THREAD_QUADS, `void storeSum(uint row, uint column, vec4 sum)`, and for A, and
// likewise for B:
//   uint startA(uint row)                        what a thread keeps of where a row lies
//   Packed loadA(uint start, uint octet)         an octet of it
//   Octet widenA(uint start, uint octet, Packed held)

const uint DEPTH = 16u;
const uint THREAD_ROWS = TILE_ROWS * TILE_COLUMNS / (LANES * 4u * THREAD_QUADS);
const uint COLUMN_THREADS = TILE_COLUMNS / (4u * THREAD_QUADS);
// Octets of both tiles, two a row, and how many of them a thread loads. Where there are fewer than threads, some are loaded
// twice and staged once.
const uint A_OCTETS = TILE_ROWS * 2u;
const uint B_OCTETS = TILE_COLUMNS * 2u;
const uint A_LOADS = (A_OCTETS + LANES - 1u) / LANES;
const uint B_LOADS = (B_OCTETS + LANES - 1u) / LANES;
const uint A_QUADS = TILE_ROWS / 4u;
const uint B_QUADS = TILE_COLUMNS / 4u;
// Neighbouring threads store the two octets of a row, eight steps apart. Those of the second go 16 places off, to other banks.
const uint A_TURN = TILE_ROWS % 32u == 0u ? 4u : 0u;
const uint B_TURN = TILE_COLUMNS % 32u == 0u ? 4u : 0u;

shared vec4 tileA[DEPTH * A_QUADS];
shared vec4 tileB[DEPTH * B_QUADS];

void stageA(uint row, uint parity, Octet octet) {
    uint first = parity * 8u * A_QUADS + ((row / 4u) ^ (parity * A_TURN));
    [[unroll]] for (uint k = 0u; k < 4u; k++) {
        tileA[first + k * A_QUADS][row % 4u] = octet.low[k];
        tileA[first + (k + 4u) * A_QUADS][row % 4u] = octet.high[k];
    }
}

void stageB(uint column, uint parity, Octet octet) {
    uint first = parity * 8u * B_QUADS + ((column / 4u) ^ (parity * B_TURN));
    [[unroll]] for (uint k = 0u; k < 4u; k++) {
        tileB[first + k * B_QUADS][column % 4u] = octet.low[k];
        tileB[first + (k + 4u) * B_QUADS][column % 4u] = octet.high[k];
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

    // LANES is even: a thread loads first octets of steps, or second ones.
    uint parity = thread % 2u;
    uint last = push.depth / 8u - 1u;
    uint startsA[A_LOADS];
    uint startsB[B_LOADS];
    Packed heldA[A_LOADS];
    Packed heldB[B_LOADS];
    uint octet = begin + parity;
    uint loaded = min(octet, last);
    [[unroll]] for (uint i = 0u; i < A_LOADS; i++) {
        startsA[i] = startA(min(firstRow + (thread + i * LANES) / 2u % TILE_ROWS, push.rows - 1u));
        heldA[i] = loadA(startsA[i], loaded);
    }
    [[unroll]] for (uint i = 0u; i < B_LOADS; i++) {
        startsB[i] = startB(min(firstColumn + (thread + i * LANES) / 2u % TILE_COLUMNS, push.columns - 1u));
        heldB[i] = loadB(startsB[i], loaded);
    }

    vec4 sums[THREAD_ROWS * THREAD_QUADS];
    [[unroll]] for (uint i = 0u; i < THREAD_ROWS * THREAD_QUADS; i++) sums[i] = vec4(0.0);

    for (uint first = begin; first < end; first += DEPTH / 8u) {
        [[unroll]] for (uint i = 0u; i < A_LOADS; i++) {
            uint place = thread + i * LANES;
            Octet a = widenA(startsA[i], loaded, keptIf(octet <= last, heldA[i]));
            if (A_OCTETS % LANES == 0u || place < A_OCTETS) stageA(place / 2u, parity, a);
        }
        [[unroll]] for (uint i = 0u; i < B_LOADS; i++) {
            uint place = thread + i * LANES;
            Octet b = widenB(startsB[i], loaded, heldB[i]);
            if (B_OCTETS % LANES == 0u || place < B_OCTETS) stageB(place / 2u, parity, b);
        }
        barrier();

        octet += DEPTH / 8u;
        loaded = min(octet, last);
        [[unroll]] for (uint i = 0u; i < A_LOADS; i++) heldA[i] = loadA(startsA[i], loaded);
        [[unroll]] for (uint i = 0u; i < B_LOADS; i++) heldB[i] = loadB(startsB[i], loaded);

        [[unroll]] for (uint step = 0u; step < DEPTH; step++) {
            uint turn = step / 8u;
            vec4 b[THREAD_QUADS];
            [[unroll]] for (uint j = 0u; j < THREAD_QUADS; j++) {
                b[j] = tileB[step * B_QUADS + (threadQuad ^ (turn * B_TURN)) + j * COLUMN_THREADS];
            }
            float a[THREAD_ROWS];
            [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) {
                uint quad = ((threadRow / 4u) ^ (turn * A_TURN)) + i / 4u;
                a[i] = tileA[step * A_QUADS + quad][THREAD_ROWS % 4u == 0u ? i % 4u : threadRow % 4u + i];
            }
            [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) {
                [[unroll]] for (uint j = 0u; j < THREAD_QUADS; j++) {
                    sums[i * THREAD_QUADS + j] = fma(vec4(a[i]), b[j], sums[i * THREAD_QUADS + j]);
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
