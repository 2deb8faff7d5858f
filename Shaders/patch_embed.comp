#version 460
#extension GL_GOOGLE_include_directive : require
// Patch embedding (perception_models: core/vision_encoder/pe.py, `conv1`) as an implicit product: A is gathered from the
// pixels, positions and the class token are added on the way out.
//
//   pixels [images, 3, pixelRows, pixelStride * 8] f32, normalised     b [columns, depth = 3 * PATCH^2]
//   positions [sequence, columns] f32     classToken [columns] f32     result [images * sequence, columns] f32
//
// A row of the result is one token; the class token's row of A is zero. Rows and columns of pixels beyond the grid are
// ignored, as a convolution without padding does.

#include "storage.glsl"
#include "product_constants.glsl"
layout(constant_id = 2) const uint B_TYPE = 0;
layout(constant_id = 3) const uint PATCH = 16;

layout(push_constant, std430) uniform Push {
    Floats pixels;
    Words b;
    QuadsOut result;
    Quads classToken;
    Quads positions;
    uint rows;
    uint columns;
    uint depth;
    uint resultStride;
    uint sequence;
    uint classRows;
    uint gridWidth;
    uint pixelRows;
    uint pixelStride;
} push;

// Where the pixel of depth k lies behind a patch's first one.
uint behindCorner(uint k) {
    uint channel = k / (PATCH * PATCH);
    uint y = k / PATCH % PATCH;
    return (channel * push.pixelRows + y) * push.pixelStride * 8u + k % PATCH;
}

// Where the first pixel of the patch lies that is a row of A.
uint cornerOf(uint row) {
    uint patchIndex = row % push.sequence - push.classRows;
    uint top = (row / push.sequence) * 3u * push.pixelRows + (patchIndex / push.gridWidth) * PATCH;
    return top * push.pixelStride * 8u + (patchIndex % push.gridWidth) * PATCH;
}

void storeProduct(uint row, uint column, vec4 value) {
    if (row >= push.rows || column >= push.columns) return;
    uint token = row % push.sequence;
    uint quad = column / 4u;
    value += push.positions.at[token * push.resultStride * 2u + quad];
    if (token < push.classRows) value += push.classToken.at[quad];
    push.result.at[row * push.resultStride * 2u + quad] = value;
}

#ifdef TILED
#include "format.glsl"
#include "packed.glsl"

layout(constant_id = 4) const uint TILE_COLUMNS = 64;
layout(constant_id = 5) const uint THREAD_QUADS = 1;

const uint PATCH_DEPTH = 3u * PATCH * PATCH;
const uint NO_PATCH = 0xffffffffu;

uint startA(uint row) { return row % push.sequence < push.classRows ? NO_PATCH : cornerOf(row); }

// One by one: SwiftShader cannot see one address as two types. Where there is no pixel, another is loaded.
Packed loadA(uint start, uint octet) {
    uint corner = start == NO_PATCH ? 0u : start;
    uint run = PATCH % 8u == 0u ? 8u : PATCH % 2u == 0u ? 2u : 1u;      // neighbours in memory
    uint first;
    Packed a;
    [[unroll]] for (uint i = 0u; i < 8u; i++) {
        if (i % run == 0u) first = corner + behindCorner(min(8u * octet + i, PATCH_DEPTH - run));
        uint word = floatBitsToUint(push.pixels.at[first + i % run]);
        if (i < 4u) {
            a.low[i] = word;
        } else {
            a.high[i - 4u] = word;
        }
    }
    return a;
}

Octet widenA(uint start, uint octet, Packed held) {
    Octet a = widen(keptIf(start != NO_PATCH, held), F32);
    if (PATCH_DEPTH % 8u != 0u) {
        uvec4 k = 8u * octet + uvec4(0u, 1u, 2u, 3u);
        a.low = mix(vec4(0.0), a.low, lessThan(k, uvec4(PATCH_DEPTH)));
        a.high = mix(vec4(0.0), a.high, lessThan(k + 4u, uvec4(PATCH_DEPTH)));
    }
    return a;
}

uint startB(uint column) { return column * (push.depth / 8u); }
Packed loadB(uint start, uint octet) { return loadPacked(push.b, start + octet, B_TYPE); }
Octet widenB(uint start, uint octet, Packed held) { return widen(held, B_TYPE); }

void storeSum(uint row, uint column, vec4 sum) { storeProduct(row, column, sum); }

#include "product_tiled.glsl"

void main() { product(0u, push.depth / 8u); }
#else
float pixel(uint corner, uint k) {
    return k < 3u * PATCH * PATCH ? push.pixels.at[corner + behindCorner(k)] : 0.0;
}

vec2 pixelPair(uint corner, uint k) {
    if (PATCH % 2u != 0u) return vec2(pixel(corner, k), pixel(corner, k + 1u));
    if (k >= 3u * PATCH * PATCH) return vec2(0.0);
    // Both lie in one row of the patch.
    uint first = corner + behindCorner(k);
    return vec2(push.pixels.at[first], push.pixels.at[first + 1u]);
}

Octet loadA(uint row, uint octet) {
    if (row % push.sequence < push.classRows) return zeroOctet();
    uint corner = cornerOf(row);
    uint k = octet * 8u;
    if (PATCH % 8u == 0u) {
        // One by one: SwiftShader cannot see one address as two types.
        uint first = corner + behindCorner(k);
        Octet a;
        [[unroll]] for (uint i = 0u; i < 4u; i++) {
            a.low[i] = push.pixels.at[first + i];
            a.high[i] = push.pixels.at[first + 4u + i];
        }
        return a;
    }
    return Octet(vec4(pixelPair(corner, k), pixelPair(corner, k + 2u)),
                 vec4(pixelPair(corner, k + 4u), pixelPair(corner, k + 6u)));
}

Octet loadB(uint column, uint octet) { return loadOctet(push.b, column * (push.depth / 8u) + octet, B_TYPE); }

#include "product_subgroup.glsl"

void main() { product(); }
#endif
