#version 460
#extension GL_GOOGLE_include_directive : require
// Rows of a tensor copied to other rows of it, of whatever type.
//
//   x [rows, stride * 16 bytes]     rows [3] words: the first row, where it goes, and how many; the two ranges do not meet
//   Grid: the most rows.

#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

layout(push_constant, std430) uniform Push {
    Words x;
    WordsOut result;    // the same
    Uints rows;
    uint stride;        // vectors of a row
} push;

void main() {
    uint row = gl_WorkGroupID.x;
    if (row >= push.rows.at[2]) return;
    uint source = (push.rows.at[0] + row) * push.stride;
    uint target = (push.rows.at[1] + row) * push.stride;
    for (uint i = gl_LocalInvocationIndex; i < push.stride; i += LANES) push.result.at[target + i] = push.x.at[source + i];
}
