#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#ifdef BFLOAT
#extension GL_EXT_bfloat16 : require
#endif
// Matrix product with a fused epilogue, on matrix units (VK_KHR_cooperative_matrix). The last workgroup of a row of tiles
// normalises its rows, where they are to be. Grid: column tiles x row tiles x parts of the depth.
//
// A and B have the element type of the matrices, or B is quantised and widened to it; sums are f32.

#ifdef BFLOAT
#define NEAREST true
#else
#define HALVES
#endif
#include "storage.glsl"
#include "format.glsl"
#include "matrix_elements.glsl"
#include "gelu.glsl"
#include "product_constants.glsl"
#include "places.glsl"
#include "product_push.glsl"
#include "epilogue.glsl"

layout(constant_id = 11) const uint TILE_COLUMNS = 64;
layout(constant_id = 18) const uint PARTS = 1;

#include "product_parts.glsl"
#include "product_matrix.glsl"

void park(uint place, float value) { tiles[place].x = floatBitsToUint(value); }
float parked(uint place) { return uintBitsToFloat(tiles[place].x); }

#include "tile_norm_workgroup.glsl"

void main() {
    uvec2 depth = depthOfPart(TILE_OCTETS);
    product(depth.x, depth.y);
    if (completesTile()) normalizeTile(TILE_COLUMNS);
}
