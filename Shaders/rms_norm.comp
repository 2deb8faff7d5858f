#version 460
#extension GL_GOOGLE_include_directive : require
// Root-mean-square normalisation of rows: x / sqrt(mean(x^2) + epsilon) * weight, in f32 (Zhang & Sennrich 2019).
//
//   x [rows, columns] f32     weight [columns] f32     result [rows, columns]     One row per subgroup.
//
// With HELD a lane holds that many octets of the row, all that are its, which then is read once.

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
    WordsOut result;
    Counter saturations;
    uint rows;
    uint columns;   // true columns, without padding
    uint stride;    // octets of a row
    float epsilon;
} push;

float squaresOf(Octet x) { return dot(x.low, x.low) + dot(x.high, x.high); }

// Padding is zero and adds nothing.
float scaleOf(float squares) { return inversesqrt(subgroupAdd(squares) / float(push.columns) + push.epsilon); }

Octet normal(Octet x, float scale, uint i) {
    Octet weight = loadOctet(push.weight, i, F32);
    return Octet(x.low * scale * weight.low, x.high * scale * weight.high);
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
    float squares = 0.0;
    [[unroll]] for (uint k = 0u; k < HELD; k++) {
        squares += gl_SubgroupInvocationID + k * gl_SubgroupSize < push.stride ? squaresOf(held[k]) : 0.0;
    }
    float scale = scaleOf(squares);
    [[unroll]] for (uint k = 0u; k < HELD; k++) {
        uint i = gl_SubgroupInvocationID + k * gl_SubgroupSize;
        held[k] = normal(held[k], scale, min(i, push.stride - 1u));
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

    float squares = 0.0;
    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        squares += squaresOf(loadOctet(push.x, first + i, F32));
    }
    float scale = scaleOf(squares);

    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        store(first + i, normal(loadOctet(push.x, first + i, F32), scale, i));
    }
}
