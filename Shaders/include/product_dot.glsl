// The loop of a product of quantised weights for devices with fast dot products of packed bytes.
//
// A workgroup makes TILE_ROWS x 64 of the result, a group of quantised weights (32 of the depth) at a time. A is quantised on
// its way to shared memory: each group of each row by its own largest value, to -127 ... 127. So the sums of a group are
// exact integers, scaled once by what the group of A and that of B are scaled by. Contract as in product_subgroup.glsl, and
// B_TYPE is Q8 or Q4.

const uint TILE_COLUMNS = 64u;
const uint COLUMN_THREADS = TILE_COLUMNS / 4u;          // each makes a quad of columns
const uint THREAD_ROWS = TILE_ROWS / (LANES / COLUMN_THREADS);
const uint GROUP_WORDS = 8u;                            // of four codes
const uint PITCH = GROUP_WORDS + 1u;                    // the skew keeps neighbouring rows off one bank
const uint A_PARTS = 4u;                                // octets of a group, one a thread
const uint A_LOADS = (TILE_ROWS * A_PARTS + LANES - 1u) / LANES;
const uint B_LOADS = (TILE_COLUMNS * A_PARTS + LANES - 1u) / LANES;

shared float largest[TILE_ROWS * A_PARTS];
shared uint codesA[TILE_ROWS * PITCH];
shared uint codesB[TILE_COLUMNS * PITCH];
shared float stepA[TILE_ROWS];
shared vec2 scaleB[TILE_COLUMNS];
shared int sumsA[TILE_ROWS * A_PARTS];                  // of codes: what B's minimum is multiplied by

struct Held {
    Octet a[A_LOADS];
    uvec2 b[B_LOADS];
    vec2 scale;
};

// Signed bytes of four nibbles.
uint spread(uint nibbles) {
    return (nibbles & 15u) | (nibbles & 240u) << 4 | (nibbles & 3840u) << 8 | (nibbles & 61440u) << 12;
}

// Rows and columns beyond an edge repeat the last, so that loads stay inside; beyond the depth A is zero.
void load(uint firstRow, uint firstColumn, uint group, out Held held) {
    uint octets = push.depth / 8u;
    uint groups = (octets + 3u) / 4u;
    [[unroll]] for (uint i = 0u; i < A_LOADS; i++) {
        uint place = gl_LocalInvocationIndex + i * LANES;
        uint row = min(firstRow + place / A_PARTS, push.rows - 1u);
        uint octet = group * 4u + place % A_PARTS;
        held.a[i] = octet < octets ? loadA(row, octet) : zeroOctet();
    }
    [[unroll]] for (uint i = 0u; i < B_LOADS; i++) {
        uint place = gl_LocalInvocationIndex + i * LANES;
        uint column = min(firstColumn + place / A_PARTS, push.columns - 1u);
        uint octet = group * 4u + place % A_PARTS;
        uint start = rowStart(column, groups, B_TYPE);
        if (B_TYPE == Q8) {
            held.b[i] = octet < octets ? loadWordPair(push.b, 2u * start + octet) : uvec2(0u);
        } else {
            uint nibbles = octet < octets ? loadWord(push.b, 4u * start + octet) : 0u;
            held.b[i] = uvec2(spread(nibbles), spread(nibbles >> 16));
        }
    }
    if (gl_LocalInvocationIndex < TILE_COLUMNS) {
        uint column = min(firstColumn + gl_LocalInvocationIndex, push.columns - 1u);
        held.scale = loadScale(push.b, rowStart(column, groups, B_TYPE), group, groups, B_TYPE);
    }
}

float largestOf(Octet octet) {
    vec4 both = max(abs(octet.low), abs(octet.high));
    float found = max(max(both.x, both.y), max(both.z, both.w));
    // The larger of NaN and a number may be the number.
    bool isNumber = !any(isnan(octet.low)) && !any(isnan(octet.high));
    return isNumber ? found : uintBitsToFloat(0x7fc00000u);
}

// Behind it the tiles of a group are complete; what the tiles held before is read no more behind its first barrier.
void stage(Held held) {
    [[unroll]] for (uint i = 0u; i < A_LOADS; i++) {
        uint place = gl_LocalInvocationIndex + i * LANES;
        if (place < TILE_ROWS * A_PARTS) largest[place] = largestOf(held.a[i]);
    }
    barrier();
    [[unroll]] for (uint i = 0u; i < A_LOADS; i++) {
        uint place = gl_LocalInvocationIndex + i * LANES;
        if (place >= TILE_ROWS * A_PARTS) continue;
        uint row = place / A_PARTS;
        float peak = largest[row * A_PARTS];
        [[unroll]] for (uint k = 1u; k < A_PARTS; k++) {
            float other = largest[row * A_PARTS + k];
            peak = other > peak || isnan(other) ? other : peak;
        }
        float scale = peak > 0.0 ? 1.0 / peak : 0.0;
        uvec2 codes = uvec2(packSnorm4x8(held.a[i].low * scale), packSnorm4x8(held.a[i].high * scale));
        uint at = row * PITCH + 2u * (place % A_PARTS);
        codesA[at] = codes.x;
        codesA[at + 1u] = codes.y;
        if (B_TYPE == Q4) {
            sumsA[place] = dotPacked4x8EXT(int(codes.x), 0x01010101) + dotPacked4x8EXT(int(codes.y), 0x01010101);
        }
        if (place % A_PARTS == 0u) stepA[row] = peak / 127.0;
    }
    [[unroll]] for (uint i = 0u; i < B_LOADS; i++) {
        uint place = gl_LocalInvocationIndex + i * LANES;
        if (place >= TILE_COLUMNS * A_PARTS) continue;
        uint at = place / A_PARTS * PITCH + 2u * (place % A_PARTS);
        codesB[at] = held.b[i].x;
        codesB[at + 1u] = held.b[i].y;
    }
    if (gl_LocalInvocationIndex < TILE_COLUMNS) scaleB[gl_LocalInvocationIndex] = held.scale;
    barrier();
}

void product() {
    uint thread = gl_LocalInvocationIndex;
    uint firstRow = gl_WorkGroupID.y * TILE_ROWS;
    uint firstColumn = gl_WorkGroupID.x * TILE_COLUMNS;
    uint threadRow = thread / COLUMN_THREADS * THREAD_ROWS;
    uint threadColumn = thread % COLUMN_THREADS * 4u;

    vec4 sums[THREAD_ROWS];
    [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) sums[i] = vec4(0.0);

    uint groups = (push.depth / 8u + 3u) / 4u;
    Held held;
    load(firstRow, firstColumn, 0u, held);
    for (uint group = 0u; group < groups; group++) {
        stage(held);
        // On their way from global memory during the arithmetic.
        if (group + 1u < groups) load(firstRow, firstColumn, group + 1u, held);
        ivec4 dots[THREAD_ROWS];
        [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) dots[i] = ivec4(0);
        [[unroll]] for (uint word = 0u; word < GROUP_WORDS; word++) {
            ivec4 b;
            [[unroll]] for (uint j = 0u; j < 4u; j++) b[j] = int(codesB[(threadColumn + j) * PITCH + word]);
            [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) {
                int a = int(codesA[(threadRow + i) * PITCH + word]);
                dots[i] += ivec4(dotPacked4x8EXT(a, b.x), dotPacked4x8EXT(a, b.y), dotPacked4x8EXT(a, b.z),
                                 dotPacked4x8EXT(a, b.w));
            }
        }
        vec4 steps;
        vec4 least;
        [[unroll]] for (uint j = 0u; j < 4u; j++) {
            steps[j] = scaleB[threadColumn + j].x;
            least[j] = scaleB[threadColumn + j].y;
        }
        [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) {
            vec4 part = vec4(dots[i]) * steps;
            if (B_TYPE == Q4) {
                uint at = (threadRow + i) * A_PARTS;
                part += float(sumsA[at] + sumsA[at + 1u] + sumsA[at + 2u] + sumsA[at + 3u]) * least;
            }
            sums[i] = fma(vec4(stepA[threadRow + i]), part, sums[i]);
        }
    }
    [[unroll]] for (uint i = 0u; i < THREAD_ROWS; i++) {
        storeProduct(firstRow + threadRow + i, firstColumn + threadColumn, sums[i]);
    }
}
