// The loop of a product of quantised weights for devices with fast dot products of packed bytes.
//
// A workgroup makes TILE_ROWS x 64 of the result, a group of quantised weights (32 of the depth) at a time. A is quantised on
// its way to shared memory: each group of each row by its own largest value, to -127 ... 127. So the sums of a group are
// exact integers, scaled once by what the group of A and that of B are scaled by. The including file defines
// `void storeProduct(uint row, uint column, vec4 value)`; codes of B are whole numbers.

const uint TILE_COLUMNS = 64u;
const uint COLUMN_THREADS = TILE_COLUMNS / 4u;          // each makes a quad of columns
const uint THREAD_ROWS = TILE_ROWS / (LANES / COLUMN_THREADS);
const uint PARTS_OF_GROUP = 4u;                         // octets, one a thread
const uint A_PARTS = TILE_ROWS * PARTS_OF_GROUP;
const uint B_PARTS = TILE_COLUMNS * PARTS_OF_GROUP;
const uint A_LOADS = (A_PARTS + LANES - 1u) / LANES;
const uint B_LOADS = (B_PARTS + LANES - 1u) / LANES;

// Codes of a group are two vectors of sixteen: first those of all rows, then the second ones. Columns lie in the order that
// neighbouring threads read them in, with places between that keep what is stored together off one bank.
const uint COLUMN_PITCH = COLUMN_THREADS + 1u;
const uint A_HALF = TILE_ROWS + 1u;
const uint B_HALF = 4u * COLUMN_PITCH + 2u;

shared uint largest[A_PARTS];                           // magnitudes as bits: NaN is beyond all numbers
shared uvec4 codesA[2u * A_HALF];
shared uvec4 codesB[2u * B_HALF];
shared float stepA[TILE_ROWS];
shared vec2 scaleB[4u * COLUMN_PITCH];
shared ivec4 sumsA[TILE_ROWS];                          // of the codes of each part: what B's minimum is multiplied by

uint placeOfColumn(uint column) { return column % 4u * COLUMN_PITCH + column / 4u; }

// What the next group needs, as it lies in memory: see packed.glsl.
struct Held {
    Packed a[A_LOADS];
    uvec4 b[B_LOADS];
    uint scale;
};

// Rows and columns beyond an edge repeat the last, and so do octets beyond the depth, so that loads stay inside and are under
// no condition.
void load(uint startsA[A_LOADS], uint startsB[B_LOADS], uint startOfScale, uint group, uint octets, out Held held) {
    uint octet = min(group * PARTS_OF_GROUP + gl_LocalInvocationIndex % PARTS_OF_GROUP, octets - 1u);
    [[unroll]] for (uint i = 0u; i < A_LOADS; i++) held.a[i] = loadPacked(push.a, startsA[i] + octet, A_TYPE);
    [[unroll]] for (uint i = 0u; i < B_LOADS; i++) held.b[i] = codeWords(push.b, startsB[i], octet, B_TYPE);
    held.scale = scaleWord(push.b, startOfScale, group, (octets + 3u) / 4u, B_TYPE);
}

uint largestOf(Octet octet) {
    uvec4 low = floatBitsToUint(octet.low) & 0x7fffffffu;
    uvec4 high = floatBitsToUint(octet.high) & 0x7fffffffu;
    uvec4 both = max(low, high);
    return max(max(both.x, both.y), max(both.z, both.w));
}

// Numbers from -127 to 127 as bytes. Added to 1.5 * 2^23 a number is rounded to the nearest, and is in the last bits.
uint bytesOf(vec4 numbers) {
    uvec4 bits = floatBitsToUint(numbers + 12582912.0);
    uint low = bitfieldInsert(bits.x, bits.y, 8, 8);
    return bitfieldInsert(low, bitfieldInsert(bits.z, bits.w, 8, 8), 16, 16);
}

// Behind it the tiles of a group are complete; what the tiles held before is read no more behind its first barrier.
void stage(Held held, uint group, uint octets) {
    uint thread = gl_LocalInvocationIndex;
    uint part = thread % PARTS_OF_GROUP;
    bool isReal = group * PARTS_OF_GROUP + part < octets;
    Octet a[A_LOADS];
    [[unroll]] for (uint i = 0u; i < A_LOADS; i++) {
        uint place = thread + i * LANES;
        a[i] = widen(keptIf(isReal, held.a[i]), A_TYPE);
        if (A_PARTS % LANES == 0u || place < A_PARTS) largest[place] = largestOf(a[i]);
    }
    barrier();
    [[unroll]] for (uint i = 0u; i < A_LOADS; i++) {
        uint place = thread + i * LANES;
        if (A_PARTS % LANES != 0u && place >= A_PARTS) continue;
        uint row = place / PARTS_OF_GROUP;
        uint bits = largest[row * PARTS_OF_GROUP];
        [[unroll]] for (uint k = 1u; k < PARTS_OF_GROUP; k++) bits = max(bits, largest[row * PARTS_OF_GROUP + k]);
        float peak = uintBitsToFloat(bits);
        // What is smaller has no reciprocal to be multiplied by, and counts as zero.
        float scale = peak > 1e-35 ? 127.0 / peak : 0.0;
        uvec2 codes = uvec2(bytesOf(a[i].low * scale), bytesOf(a[i].high * scale));
        codesA[part / 2u * A_HALF + row][part % 2u * 2u] = codes.x;
        codesA[part / 2u * A_HALF + row][part % 2u * 2u + 1u] = codes.y;
        if (hasMinimum(B_TYPE)) {
            sumsA[row][part] = dotPacked4x8EXT(int(codes.x), 0x01010101) + dotPacked4x8EXT(int(codes.y), 0x01010101);
        }
        if (part == 0u) stepA[row] = peak / 127.0;
    }
    [[unroll]] for (uint i = 0u; i < B_LOADS; i++) {
        uint place = thread + i * LANES;
        if (B_PARTS % LANES != 0u && place >= B_PARTS) continue;
        uint at = part / 2u * B_HALF + placeOfColumn(place / PARTS_OF_GROUP);
        uvec2 codes = bytesOfWords(held.b[i], part, B_TYPE);
        codesB[at][part % 2u * 2u] = codes.x;
        codesB[at][part % 2u * 2u + 1u] = codes.y;
    }
    if (LANES == TILE_COLUMNS || thread < TILE_COLUMNS) {
        scaleB[placeOfColumn(thread)] = scaleOfWord(held.scale, group, B_TYPE);
    }
    barrier();
}

void product() {
    uint thread = gl_LocalInvocationIndex;
    uint firstRow = gl_WorkGroupID.y * TILE_ROWS;
    uint firstColumn = gl_WorkGroupID.x * TILE_COLUMNS;
    uint threadRow = thread / COLUMN_THREADS * THREAD_ROWS;
    uint threadColumn = thread % COLUMN_THREADS;        // of four

    vec4 sums[THREAD_ROWS];
    [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) sums[i] = vec4(0.0);

    uint octets = push.depth / 8u;
    uint groups = (octets + 3u) / 4u;
    uint startsA[A_LOADS];
    uint startsB[B_LOADS];
    [[unroll]] for (uint i = 0u; i < A_LOADS; i++) {
        uint row = (thread + i * LANES) / PARTS_OF_GROUP % TILE_ROWS;
        startsA[i] = min(firstRow + row, push.rows - 1u) * octets;
    }
    [[unroll]] for (uint i = 0u; i < B_LOADS; i++) {
        uint column = (thread + i * LANES) / PARTS_OF_GROUP % TILE_COLUMNS;
        startsB[i] = rowStart(min(firstColumn + column, push.columns - 1u), groups, B_TYPE);
    }
    uint startOfScale = rowStart(min(firstColumn + thread % TILE_COLUMNS, push.columns - 1u), groups, B_TYPE);

    Held held;
    load(startsA, startsB, startOfScale, 0u, octets, held);
    for (uint group = 0u; group < groups; group++) {
        stage(held, group, octets);
        // On their way from global memory during the arithmetic.
        load(startsA, startsB, startOfScale, min(group + 1u, groups - 1u), octets, held);
        ivec4 dots[THREAD_ROWS];
        [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) dots[i] = ivec4(0);
        [[unroll]] for (uint side = 0u; side < 2u; side++) {
            uvec4 b[4];
            [[unroll]] for (uint j = 0u; j < 4u; j++) b[j] = codesB[side * B_HALF + j * COLUMN_PITCH + threadColumn];
            [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) {
                uvec4 a = codesA[side * A_HALF + threadRow + i];
                [[unroll]] for (uint word = 0u; word < 4u; word++) {
                    [[unroll]] for (uint j = 0u; j < 4u; j++) {
                        dots[i][j] += dotPacked4x8EXT(int(a[word]), int(b[j][word]));
                    }
                }
            }
        }
        vec4 steps;
        vec4 least;
        [[unroll]] for (uint j = 0u; j < 4u; j++) {
            vec2 scale = scaleB[j * COLUMN_PITCH + threadColumn];
            steps[j] = scale.x;
            least[j] = scale.y;
        }
        [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) {
            vec4 part = vec4(dots[i]) * steps;
            if (hasMinimum(B_TYPE)) {
                ivec4 sum = sumsA[threadRow + i];
                part = fma(vec4(float(sum.x + sum.y + sum.z + sum.w)), least, part);
            }
            sums[i] = fma(vec4(stepA[threadRow + i]), part, sums[i]);
        }
    }
    [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) {
        storeProduct(firstRow + threadRow + i, firstColumn + threadColumn * 4u, sums[i]);
    }
}
