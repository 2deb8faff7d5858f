#version 460
#extension GL_GOOGLE_include_directive : require
// The row of each text at the first position of its largest id, which is the end-of-text token
// (perception_models: core/vision_encoder/pe.py, `text_global_pool` with `argmax`).
//
//   ids [batch, sequence]   x [batch * sequence, stride * 8] f32   result [batch, stride * 8] f32
//   Grid: octets of columns x batch.

#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

layout(push_constant, std430) uniform Push {
    Uints ids;
    Words x;
    WordsOut result;
    uint sequence;
    uint idStride;
    uint stride;
} push;

void main() {
    uint octet = gl_GlobalInvocationID.x;
    if (octet >= push.stride) return;
    uint text = gl_WorkGroupID.y;
    uint end = 0u;
    uint largest = push.ids.at[text * push.idStride];
    for (uint i = 1u; i < push.sequence; i++) {
        uint id = push.ids.at[text * push.idStride + i];
        if (id > largest) {
            largest = id;
            end = i;
        }
    }
    Octet row = loadOctet(push.x, (text * push.sequence + end) * push.stride + octet, F32);
    storeOctet(push.result, text * push.stride + octet, row, F32);
}
