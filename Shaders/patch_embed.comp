#version 460
#extension GL_GOOGLE_include_directive : require
// Patch embedding (perception_models: core/vision_encoder/pe.py, `conv1`) as an implicit product: A is gathered from the
// pixels, positions and the class token are added on the way out.
//
//   pixels [images, 3, pixelRows, pixelStride * 8] f32, normalised     b [columns, depth = 3 * patch^2]
//   positions [sequence, columns] f32     classToken [columns] f32     result [images * sequence, columns] f32
//
// A row of the result is one token; the class token's row of A is zero. Rows and columns of pixels beyond the grid are
// ignored, as a convolution without padding does.

#include "storage.glsl"
#include "product_constants.glsl"
layout(constant_id = 2) const uint B_TYPE = 0;

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
    uint patchSize;
    uint gridWidth;
    uint pixelRows;
    uint pixelStride;
} push;

float patchElement(uint corner, uint k) {
    uint area = push.patchSize * push.patchSize;
    if (k >= 3u * area) return 0.0;
    uint channel = k / area;
    uint y = (k % area) / push.patchSize;
    uint x = k % push.patchSize;
    return push.pixels.at[corner + (channel * push.pixelRows + y) * push.pixelStride * 8u + x];
}

Octet loadA(uint row, uint octet) {
    uint token = row % push.sequence;
    if (token < push.classRows) return zeroOctet();
    uint patchIndex = token - push.classRows;
    uint top = (row / push.sequence) * 3u * push.pixelRows + (patchIndex / push.gridWidth) * push.patchSize;
    uint corner = top * push.pixelStride * 8u + (patchIndex % push.gridWidth) * push.patchSize;
    uint k = octet * 8u;
    Octet a;
    [[unroll]] for (uint i = 0u; i < 4u; i++) {
        a.low[i] = patchElement(corner, k + i);
        a.high[i] = patchElement(corner, k + 4u + i);
    }
    return a;
}

Octet loadB(uint column, uint octet) { return loadOctet(push.b, column * (push.depth / 8u) + octet, B_TYPE); }

void storeProduct(uint row, uint column, vec4 value) {
    if (row >= push.rows || column >= push.columns) return;
    uint token = row % push.sequence;
    uint quad = column / 4u;
    value += push.positions.at[token * push.resultStride * 2u + quad];
    if (token < push.classRows) value += push.classToken.at[quad];
    push.result.at[row * push.resultStride * 2u + quad] = value;
}

#ifdef TILED
layout(constant_id = 3) const uint TILE_COLUMNS = 64;
layout(constant_id = 4) const uint THREAD_QUADS = 1;
#include "product_tiled.glsl"
#else
#include "product_subgroup.glsl"
#endif

void main() { product(); }
