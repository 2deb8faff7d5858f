#version 460
#extension GL_GOOGLE_include_directive : require
// Layer normalisation of rows: (x - mean) / sqrt(variance + epsilon) * weight + bias, biased variance, all in f32.
//
//   x [rows, columns] f32     weight, bias [columns] f32     result [rows, columns]
//
// One row per subgroup. The variance is taken about the mean in a second pass: residual streams of late layers have
// means large enough for the one-pass formula to cancel. Padding is left out of the statistics, and weight and bias are
// zero there.

#extension GL_KHR_shader_subgroup_arithmetic : require

#include "storage.glsl"
#include "rows.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint RESULT_TYPE = 0;

layout(push_constant, std430) uniform Push {
    Words x;
    Words weight;
    Words bias;
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

    float sum = 0.0;
    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        Octet x = loadOctet(push.x, first + i, F32);
        vec4 pair = x.low + x.high;
        sum += (pair.x + pair.y) + (pair.z + pair.w);
    }
    float mean = subgroupAdd(sum) / float(push.columns);

    float squares = 0.0;
    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        Octet x = loadOctet(push.x, first + i, F32);
        uvec4 column = uvec4(0u, 1u, 2u, 3u) + 8u * i;
        vec4 low = mix(vec4(0.0), x.low - mean, lessThan(column, uvec4(push.columns)));
        vec4 high = mix(vec4(0.0), x.high - mean, lessThan(column + 4u, uvec4(push.columns)));
        squares += dot(low, low) + dot(high, high);
    }
    float scale = inversesqrt(subgroupAdd(squares) / float(push.columns) + push.epsilon);

    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        Octet x = loadOctet(push.x, first + i, F32);
        Octet weight = loadOctet(push.weight, i, F32);
        Octet bias = loadOctet(push.bias, i, F32);
        Octet y = Octet(fma((x.low - mean) * scale, weight.low, bias.low),
                        fma((x.high - mean) * scale, weight.high, bias.high));
        if (RESULT_TYPE == F16 && (overflowsF16(y.low) || overflowsF16(y.high))) atomicAdd(push.saturations.value, 1u);
        storeOctet(push.result, first + i, y, RESULT_TYPE);
    }
}
