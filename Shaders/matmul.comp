#version 460
#extension GL_GOOGLE_include_directive : require
// Matrix product with a fused epilogue: every linear layer of the towers. Grid: column tiles x row tiles.

#include "storage.glsl"
#include "quantized.glsl"
#include "gelu.glsl"
#include "product_constants.glsl"
#include "cursor.glsl"
#include "product_push.glsl"
#include "epilogue.glsl"

#ifdef UNIFORM
// Always f32, and never through 64-bit integers, which would be taken apart in every lane.
Octet loadA(uint row, uint octet) {
    uint index = 2u * (row * push.aStride + octet);
    return Octet(uintBitsToFloat(push.a.at[index]), uintBitsToFloat(push.a.at[index + 1u]));
}
#else
Octet loadA(uint row, uint octet) { return loadOctet(push.a, row * push.aStride + octet, A_TYPE); }
#endif
Octet loadB(uint column, uint octet) { return loadRowOctet(push.b, column, octet, push.depth / 8u, B_TYPE); }

#if defined(TILED)
#include "product_tiled.glsl"
#elif defined(UNIFORM)
#include "product_uniform.glsl"
#else
#include "product_subgroup.glsl"
#endif

void main() { product(); }
