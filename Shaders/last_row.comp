#version 460
#extension GL_GOOGLE_include_directive : require
// The last real row of a prompt's run, whose token comes next.
//
//   x [rows, stride * 8] f32     result [1, stride * 8] f32     Grid: octets of columns.

#include "storage.glsl"
#include "places.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

layout(push_constant, std430) uniform Push {
    Words x;
    WordsOut result;
    Places places;
    uint rows;
    uint stride;    // octets of a row
} push;

void main() {
    uint octet = gl_GlobalInvocationID.x;
    if (octet >= push.stride) return;
    uint count = push.places.at[0].keys - push.places.at[0].position;
    uint row = clamp(count, 1u, push.rows) - 1u;
    storeOctet(push.result, octet, loadOctet(push.x, row * push.stride + octet, F32), F32);
}
