// The loop of a product for devices with fast shared memory.
//
// A workgroup of 256 makes TILE_ROWS x 64 of the result, 16 deep at a time: it stages both tiles in shared memory,
// transposed so that a thread reads its rows and its four columns as vectors, and each thread keeps TILE_ROWS / 16
// rows by four columns in registers. Contract as in product_subgroup.glsl.

const uint THREADS = 256u;
const uint TILE_COLUMNS = 64u;
const uint DEPTH = 16u;
const uint THREAD_ROWS = TILE_ROWS / 16u;
const uint A_PITCH = TILE_ROWS + 4u;    // the skew keeps the transposed stores off one bank
const uint B_PITCH = TILE_COLUMNS + 4u;

shared float tileA[DEPTH * A_PITCH];
shared vec4 tileB[DEPTH * B_PITCH / 4u];

void stageA(uint row, uint step, float value) { tileA[step * A_PITCH + row] = value; }
void stageB(uint column, uint step, float value) { tileB[(step * B_PITCH + column) / 4u][column % 4u] = value; }

void product() {
    uint thread = gl_LocalInvocationIndex;
    uint firstRow = gl_WorkGroupID.y * TILE_ROWS;
    uint firstColumn = gl_WorkGroupID.x * TILE_COLUMNS;
    uint threadRow = (thread / 16u) * THREAD_ROWS;
    uint threadColumn = (thread % 16u) * 4u;

    vec4 sums[THREAD_ROWS];
    [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) sums[i] = vec4(0.0);

    uint octets = push.depth / 8u;
    for (uint first = 0u; first < octets; first += DEPTH / 8u) {
        for (uint i = thread; i < (TILE_ROWS + TILE_COLUMNS) * 2u; i += THREADS) {
            uint octet = first + (i & 1u);
            uint step = (i & 1u) * 8u;
            bool inside = octet < octets;
            if (i < TILE_ROWS * 2u) {
                uint row = i / 2u;
                Octet a = inside ? loadA(min(firstRow + row, push.rows - 1u), octet) : zeroOctet();
                [[unroll]] for (uint k = 0u; k < 4u; k++) {
                    stageA(row, step + k, a.low[k]);
                    stageA(row, step + 4u + k, a.high[k]);
                }
            } else {
                uint column = i / 2u - TILE_ROWS;
                Octet b = inside ? loadB(min(firstColumn + column, push.columns - 1u), octet) : zeroOctet();
                [[unroll]] for (uint k = 0u; k < 4u; k++) {
                    stageB(column, step + k, b.low[k]);
                    stageB(column, step + 4u + k, b.high[k]);
                }
            }
        }
        barrier();
        [[unroll]] for (uint step = 0u; step < DEPTH; step++) {
            vec4 b = tileB[(step * B_PITCH + threadColumn) / 4u];
            [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) {
                sums[i] = fma(vec4(tileA[step * A_PITCH + threadRow + i]), b, sums[i]);
            }
        }
        barrier();
    }
    [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) {
        storeProduct(firstRow + threadRow + i, firstColumn + threadColumn, sums[i]);
    }
}
