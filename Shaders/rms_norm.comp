#version 460
#extension GL_GOOGLE_include_directive : require
// Root-mean-square normalisation of rows: x / sqrt(mean(x^2) + epsilon) * weight, in f32 (Zhang & Sennrich 2019).
//
//   x [rows, columns] f32     weight [columns] f32     result [rows, columns]     One row per subgroup.

#extension GL_KHR_shader_subgroup_arithmetic : require

#include "storage.glsl"
#include "rows.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint RESULT_TYPE = 0;

layout(push_constant, std430) uniform Push {
    Words x;
    Words weight;
    WordsOut result;
    Counter saturations;
    uint rows;
    uint columns;   // true columns, without padding
    uint stride;    // octets of a row
    float epsilon;
} push;

void main() {
    uint row = subgroupRow();
    if (row >= push.rows) return;
    uint first = row * push.stride;

    // Padding is zero and adds nothing.
    float squares = 0.0;
    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        Octet x = loadOctet(push.x, first + i, F32);
        squares += dot(x.low, x.low) + dot(x.high, x.high);
    }
    float scale = inversesqrt(subgroupAdd(squares) / float(push.columns) + push.epsilon);

    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        Octet x = loadOctet(push.x, first + i, F32);
        Octet weight = loadOctet(push.weight, i, F32);
        Octet y = Octet(x.low * scale * weight.low, x.high * scale * weight.high);
        if (RESULT_TYPE == F16 && (overflowsF16(y.low) || overflowsF16(y.high))) atomicAdd(push.saturations.value, 1u);
        storeOctet(push.result, first + i, y, RESULT_TYPE);
    }
}
