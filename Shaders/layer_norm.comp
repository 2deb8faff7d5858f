#version 460
#extension GL_GOOGLE_include_directive : require
// Layer normalisation of rows: (x - mean) / sqrt(variance + epsilon) * weight + bias, biased variance, all in f32.
//
//   x [rows, columns] f32     weight, bias [columns] f32     result [rows, columns]
//
// One row per subgroup. The variance is taken about the mean in a second pass: residual streams of late layers have
// means large enough for the one-pass formula to cancel. Padding is left out of the statistics, and weight and bias are
// zero there. With HELD a lane holds that many octets of the row, all that are its, which then is read once.

#extension GL_KHR_shader_subgroup_arithmetic : require

layout(constant_id = 2) const uint HELD = 0;
#define NEAREST (HELD != 0u)
#include "storage.glsl"
#include "rows.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint RESULT_TYPE = 0;
const uint PLACES = HELD == 0u ? 1u : HELD;     // no array is empty

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

// From the mean, where octet `i` of a row has columns.
Octet centred(Octet x, float mean, uint i) {
    uvec4 column = uvec4(0u, 1u, 2u, 3u) + 8u * i;
    return Octet(mix(vec4(0.0), x.low - mean, lessThan(column, uvec4(push.columns))),
                 mix(vec4(0.0), x.high - mean, lessThan(column + 4u, uvec4(push.columns))));
}

float sumOf(Octet x) {
    vec4 pair = x.low + x.high;
    return (pair.x + pair.y) + (pair.z + pair.w);
}

Octet normal(Octet x, float mean, float scale, uint i) {
    Octet weight = loadOctet(push.weight, i, F32);
    Octet bias = loadOctet(push.bias, i, F32);
    return Octet(fma((x.low - mean) * scale, weight.low, bias.low),
                 fma((x.high - mean) * scale, weight.high, bias.high));
}

void store(uint index, Octet y) {
    if (RESULT_TYPE == F16 && (overflowsF16(y.low) || overflowsF16(y.high))) atomicAdd(push.saturations.value, 1u);
    storeOctet(push.result, index, y, RESULT_TYPE);
}

void normalizeHeld(uint first) {
    Octet held[PLACES];
    // Behind the row's end its last octet again, so that loads are under no condition; it does not count.
    [[unroll]] for (uint k = 0u; k < HELD; k++) {
        held[k] = loadOctet(push.x, first + min(gl_SubgroupInvocationID + k * gl_SubgroupSize, push.stride - 1u), F32);
    }
    float sum = 0.0;
    [[unroll]] for (uint k = 0u; k < HELD; k++) {
        sum += gl_SubgroupInvocationID + k * gl_SubgroupSize < push.stride ? sumOf(held[k]) : 0.0;
    }
    float mean = subgroupAdd(sum) / float(push.columns);
    float squares = 0.0;
    [[unroll]] for (uint k = 0u; k < HELD; k++) {
        Octet x = centred(held[k], mean, gl_SubgroupInvocationID + k * gl_SubgroupSize);
        squares += dot(x.low, x.low) + dot(x.high, x.high);
    }
    float scale = inversesqrt(subgroupAdd(squares) / float(push.columns) + push.epsilon);
    [[unroll]] for (uint k = 0u; k < HELD; k++) {
        uint i = gl_SubgroupInvocationID + k * gl_SubgroupSize;
        held[k] = normal(held[k], mean, scale, min(i, push.stride - 1u));
    }
    [[unroll]] for (uint k = 0u; k < HELD; k++) {
        uint i = gl_SubgroupInvocationID + k * gl_SubgroupSize;
        if (i < push.stride) store(first + i, held[k]);
    }
}

void main() {
    uint row = subgroupRow();
    if (row >= push.rows) return;
    uint first = row * push.stride;
    if (HELD != 0u) {
        normalizeHeld(first);
        return;
    }

    float sum = 0.0;
    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        sum += sumOf(loadOctet(push.x, first + i, F32));
    }
    float mean = subgroupAdd(sum) / float(push.columns);

    float squares = 0.0;
    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        Octet x = centred(loadOctet(push.x, first + i, F32), mean, i);
        squares += dot(x.low, x.low) + dot(x.high, x.high);
    }
    float scale = inversesqrt(subgroupAdd(squares) / float(push.columns) + push.epsilon);

    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        store(first + i, normal(loadOctet(push.x, first + i, F32), mean, scale, i));
    }
}
