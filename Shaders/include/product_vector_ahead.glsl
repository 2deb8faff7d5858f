// The loop of product_vector.glsl for GPUs, which wait for a load at its first use: loads are under no condition, and all of an
// iteration's come before its arithmetic. CPU drivers gain nothing by it, and have fewer registers for what was loaded.

#include "packed.glsl"

// Octets of each row of a plain B that a lane loads at a time: sums of many rows leave fewer registers.
const uint STEPS = TILE_ROWS <= 2u ? 2u : 1u;

const uint VECTORS = vectorsOfGroup(B_TYPE);

float addDot(Octet x, Octet y, float sum) {
    sum = fma(x.low.x, y.low.x, fma(x.low.y, y.low.y, fma(x.low.z, y.low.z, fma(x.low.w, y.low.w, sum))));
    return fma(x.high.x, y.high.x, fma(x.high.y, y.high.y, fma(x.high.z, y.high.z, fma(x.high.w, y.high.w, sum))));
}

// Of the first `rows` rows; those behind repeat the last. So do octets beyond the depth, where A counts as zero.
void product(uint column, uint rows, out vec4 sums[TILE_ROWS]) {
    uint octets = push.depth / 8u;
    [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) sums[row] = vec4(0.0);
    if (isPlain(B_TYPE)) {
        for (uint first = gl_SubgroupInvocationID; first < octets; first += STEPS * gl_SubgroupSize) {
            Packed b[STEPS * 4u];
            Packed a[STEPS * TILE_ROWS];
            [[unroll]] for (uint step = 0u; step < STEPS; step++) {
                uint octet = min(first + step * gl_SubgroupSize, octets - 1u);
                [[unroll]] for (uint i = 0u; i < 4u; i++) {
                    b[step * 4u + i] = loadPacked(push.b, (column + i) * octets + octet, B_TYPE);
                }
                [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) {
                    a[step * TILE_ROWS + row] = loadPacked(push.a, min(row, rows - 1u) * octets + octet, A_TYPE);
                }
            }
            [[unroll]] for (uint step = 0u; step < STEPS; step++) {
                bool isReal = step == 0u || first + step * gl_SubgroupSize < octets;
                [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) {
                    Octet x = widen(keptIf(isReal, a[step * TILE_ROWS + row]), A_TYPE);
                    [[unroll]] for (uint i = 0u; i < 4u; i++) {
                        sums[row][i] = addDot(x, widen(b[step * 4u + i], B_TYPE), sums[row][i]);
                    }
                }
            }
        }
    } else {
        uint groups = (octets + 3u) / 4u;
        for (uint group = gl_SubgroupInvocationID; group < groups; group += gl_SubgroupSize) {
            uvec4 b[4u * VECTORS];
            uint scales[4];
            [[unroll]] for (uint i = 0u; i < 4u; i++) {
                uint start = rowStart(column + i, groups, B_TYPE);
                scales[i] = scaleWord(push.b, start, group, groups, B_TYPE);
                [[unroll]] for (uint k = 0u; k < VECTORS; k++) b[i * VECTORS + k] = push.b.at[start + group * VECTORS + k];
            }
            Packed a[4u * TILE_ROWS];
            [[unroll]] for (uint part = 0u; part < 4u; part++) {
                uint octet = min(4u * group + part, octets - 1u);
                [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) {
                    a[part * TILE_ROWS + row] = loadPacked(push.a, min(row, rows - 1u) * octets + octet, A_TYPE);
                }
            }
            // A group's codes are summed up first, and scaled once: of A times its minimum, the sum of A is enough.
            vec4 dots[TILE_ROWS];
            float totals[TILE_ROWS];
            [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) {
                dots[row] = vec4(0.0);
                totals[row] = 0.0;
            }
            [[unroll]] for (uint part = 0u; part < 4u; part++) {
                Octet codes[4];
                [[unroll]] for (uint i = 0u; i < 4u; i++) codes[i] = codesOfVector(b[i * VECTORS + part * VECTORS / 4u], part, B_TYPE);
                [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) {
                    bool isReal = part == 0u || 4u * group + part < octets;
                    Octet x = widen(keptIf(isReal, a[part * TILE_ROWS + row]), A_TYPE);
                    [[unroll]] for (uint i = 0u; i < 4u; i++) dots[row][i] = addDot(x, codes[i], dots[row][i]);
                    vec4 pair = x.low + x.high;
                    totals[row] += (pair.x + pair.y) + (pair.z + pair.w);
                }
            }
            vec4 steps, least;
            [[unroll]] for (uint i = 0u; i < 4u; i++) {
                vec2 scale = scaleOfWord(scales[i], group, B_TYPE);
                steps[i] = scale.x;
                least[i] = scale.y;
            }
            [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) {
                if (hasMinimum(B_TYPE)) sums[row] = fma(vec4(totals[row]), least, sums[row]);
                sums[row] = fma(dots[row], steps, sums[row]);
            }
        }
    }
}
