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

Octet loadA(uint row, uint octet) { return loadOctet(push.a, row * push.aStride + octet, A_TYPE); }
Octet loadB(uint column, uint octet) { return loadRowOctet(push.b, column, octet, push.depth / 8u, B_TYPE); }

#ifdef TILED
#include "product_tiled.glsl"
#else
#include "product_subgroup.glsl"
#endif

void main() { product(); }
