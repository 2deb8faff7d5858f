#version 460
#extension GL_GOOGLE_include_directive : require
// Rows of the token table plus positions.
//
//   ids [batch, sequence]   table [vocabulary, stride * 8]   positions [>= sequence, stride * 8] f32
//   result [batch * sequence, stride * 8] f32     Grid: octets of columns x tokens x batch.

#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint TABLE_TYPE = 0;

layout(push_constant, std430) uniform Push {
    Uints ids;
    Words table;
    Words positions;
    WordsOut result;
    uint sequence;
    uint idStride;  // words between the ids of two texts
    uint stride;    // octets of a row
    uint vocabulary;
} push;

void main() {
    uint octet = gl_GlobalInvocationID.x;
    if (octet >= push.stride) return;
    uint token = gl_WorkGroupID.y;
    // The host checks ids; the bound keeps a load inside the table whatever lies in memory.
    uint id = min(push.ids.at[gl_WorkGroupID.z * push.idStride + token], push.vocabulary - 1u);
    Octet word = loadOctet(push.table, id * push.stride + octet, TABLE_TYPE);
    Octet position = loadOctet(push.positions, token * push.stride + octet, F32);
    uint row = gl_WorkGroupID.z * push.sequence + token;
    Octet sum = Octet(word.low + position.low, word.high + position.high);
    storeOctet(push.result, row * push.stride + octet, sum, F32);
}
