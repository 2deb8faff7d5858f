#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_integer_dot_product : require
// Matrix product of quantised weights with a fused epilogue, by dot products of packed bytes
// (VK_KHR_shader_integer_dot_product). The last workgroup of a row of tiles normalises its rows, where they are to be. Grid:
// column tiles x row tiles.
//
// A is quantised too, group by group, which the result shows: by half a step of a group's largest value over 127 a product.

#define NEAREST true
#include "storage.glsl"
#include "format.glsl"
#include "gelu.glsl"
#include "product_constants.glsl"
#include "places.glsl"
#include "product_push.glsl"
#include "epilogue.glsl"

#include "packed.glsl"
#include "product_dot.glsl"

void park(uint place, float value) { codesB[place / 4u][place % 4u] = floatBitsToUint(value); }
float parked(uint place) { return uintBitsToFloat(codesB[place / 4u][place % 4u]); }

#include "tile_norm_workgroup.glsl"

void main() {
    product();
    normalizeTile(TILE_COLUMNS);
}
