#version 460
#extension GL_GOOGLE_include_directive : require
// Matrix product with a fused epilogue: every linear layer of the towers. The last workgroup of a row of tiles normalises its
// rows, where they are to be. Grid: column tiles x row tiles, with TILED x parts of the depth.

#ifdef TILED
#define NEAREST true
#endif
#include "storage.glsl"
#include "format.glsl"
#include "gelu.glsl"
#include "product_constants.glsl"
#include "places.glsl"
#include "product_push.glsl"
#include "epilogue.glsl"

#ifdef TILED
#include "packed.glsl"

uint startA(uint row) { return row * (push.depth / 8u); }
Packed loadA(uint start, uint octet) { return loadPacked(push.a, start + octet, A_TYPE); }
Octet widenA(uint start, uint octet, Packed held) { return widen(held, A_TYPE); }

uint startB(uint column) { return packedStart(column, push.depth / 8u, B_TYPE); }
Packed loadB(uint start, uint octet) { return loadRowPacked(push.b, start, octet, push.depth / 8u, B_TYPE); }
Octet widenB(uint start, uint octet, Packed held) { return widenRow(held, octet, B_TYPE); }

layout(constant_id = 11) const uint TILE_COLUMNS = 64;
layout(constant_id = 12) const uint THREAD_QUADS = 1;
layout(constant_id = 13) const uint PARTS = 1;
#include "product_parts.glsl"
#include "product_tiled.glsl"

void park(uint place, float value) { tileA[place / 4u][place % 4u] = value; }
float parked(uint place) { return tileA[place / 4u][place % 4u]; }

#include "tile_norm_workgroup.glsl"

void main() {
    uvec2 depth = depthOfPart(4u);
    product(depth.x, depth.y);
    if (completesTile()) normalizeTile(TILE_COLUMNS);
}
#else
#ifdef UNIFORM
// Always f32, and never through 64-bit integers, which would be taken apart in every lane.
Octet loadA(uint row, uint octet) {
    uint index = 2u * (row * (push.depth / 8u) + octet);
    return Octet(uintBitsToFloat(push.a.at[index]), uintBitsToFloat(push.a.at[index + 1u]));
}
#else
Octet loadA(uint row, uint octet) { return loadOctet(push.a, row * (push.depth / 8u) + octet, A_TYPE); }
#endif
Octet loadB(uint column, uint octet) { return loadRowOctet(push.b, column, octet, push.depth / 8u, B_TYPE); }

#ifdef UNIFORM
#include "product_uniform.glsl"
const uint TILE_COLUMNS = 2u * LANES;
#else
#include "product_subgroup.glsl"
const uint TILE_COLUMNS = 4u * LANES;
#endif
#include "tile_norm_subgroup.glsl"

void main() {
    product();
    normalizeTile(TILE_COLUMNS);
}
#endif
