#version 460
#extension GL_GOOGLE_include_directive : require
// Mean of `count` tokens of each image, from token `first` on: average pooling, class-token pooling (count 1), and the
// mean of the patch tokens.
//
//   x [batch * sequence, stride * 8] f32     result [batch, stride * 8] f32     Grid: quads of columns x batch.

#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

layout(push_constant, std430) uniform Push {
    Quads x;
    QuadsOut result;
    uint sequence;
    uint first;
    uint count;
    uint stride;
} push;

void main() {
    uint quads = push.stride * 2u;
    uint quad = gl_GlobalInvocationID.x;
    if (quad >= quads) return;
    uint row = gl_WorkGroupID.y * push.sequence + push.first;
    vec4 sum = vec4(0.0);
    for (uint i = 0u; i < push.count; i++) sum += push.x.at[(row + i) * quads + quad];
    push.result.at[gl_WorkGroupID.y * quads + quad] = sum / float(push.count);
}
