#version 460
#extension GL_GOOGLE_include_directive : require
// Rows divided by their Euclidean length, which is taken as at least 1e-12 (torch.nn.functional.normalize).
//
//   x, result [rows, stride * 8] f32     One row per subgroup.

#extension GL_KHR_shader_subgroup_arithmetic : require

#include "storage.glsl"
#include "rows.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

layout(push_constant, std430) uniform Push {
    Words x;
    WordsOut result;
    uint rows;
    uint stride;
} push;

void main() {
    uint row = subgroupRow();
    if (row >= push.rows) return;
    uint first = row * push.stride;
    float squares = 0.0;
    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        Octet x = loadOctet(push.x, first + i, F32);
        squares += dot(x.low, x.low) + dot(x.high, x.high);
    }
    float length = max(sqrt(subgroupAdd(squares)), 1e-12);
    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        Octet x = loadOctet(push.x, first + i, F32);
        storeOctet(push.result, first + i, Octet(x.low / length, x.high / length), F32);
    }
}
