#version 460
#extension GL_GOOGLE_include_directive : require
// Keeps the last real row of a prefill, and sets the cursor that decoding goes on from to its position.
//
//   x [rows, stride * 8] f32     result [1, stride * 8] f32     Grid: octets of columns.

#include "storage.glsl"
#include "cursor.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

layout(push_constant, std430) uniform Push {
    Words x;
    WordsOut result;
    Cursor cursor;
    Cursor next;
    uint rows;
    uint stride;    // octets of a row
} push;

void main() {
    uint octet = gl_GlobalInvocationID.x;
    if (octet >= push.stride) return;
    uint row = min(max(push.cursor.count, 1u), push.rows) - 1u;
    storeOctet(push.result, octet, loadOctet(push.x, row * push.stride + octet, F32), F32);
    if (octet == 0u) {
        push.next.first = push.cursor.first + row;
        push.next.count = 1u;
        push.next.token = 0u;
        push.next.step = 0u;
    }
}
