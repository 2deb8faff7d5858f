#version 460
#extension GL_GOOGLE_include_directive : require
// Keys and values of a run put into a cache of 8 bits an element, as `places` say.
//
//   x [rows, 8 * octets], xStride octets apart     result [cache rows, 8 * octets] q8 (format.glsl)
//
// Grid: pairs of groups x rows. A lane makes two groups, whose scales share a word, so that no two write to one. It is not
// the epilogue of `matmul`: a group's scale needs all 32 columns at once, and a lane makes four. `matvec` does it when its row
// is complete.

#include "storage.glsl"
#include "format.glsl"
#include "places.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint X_TYPE = 0;

layout(push_constant, std430) uniform Push {
    Words x;
    UintsOut result;
    Counter saturations;
    Places places;
    uint octets;
    uint xStride;   // octets
} push;

Octet loadKept(uint row, uint octet) { return loadOctet(push.x, row * push.xStride + octet, X_TYPE); }

#include "quantize_groups.glsl"

void main() {
    uint row = gl_WorkGroupID.y;
    // Rows that fill up a bucket have no place there.
    uint target = push.places.at[row].row;
    if (target == NO_ROW) return;
    quantizePair(push.result, target, row, gl_GlobalInvocationID.x, push.octets);
}
