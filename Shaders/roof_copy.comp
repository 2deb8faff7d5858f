#version 460
#extension GL_GOOGLE_include_directive : require
// Copies memory as fast as a kernel can: the roof of kernels that are bound by it.
//
//   source, result [octets] of 16 bytes     A lane copies every LANES-th of its workgroup's part.

#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 64;

layout(push_constant, std430) uniform Push {
    Words source;
    WordsOut result;
    uint octets;
    uint part;
} push;

void main() {
    uint first = gl_WorkGroupID.x * push.part;
    uint end = min(first + push.part, push.octets);
    for (uint i = first + gl_LocalInvocationID.x; i < end; i += LANES) push.result.at[i] = push.source.at[i];
}
