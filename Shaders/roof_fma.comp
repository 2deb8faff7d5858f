#version 460
#extension GL_GOOGLE_include_directive : require
// Multiplies and adds in registers: the roof of kernels that are bound by f32 arithmetic.
//
//   result [groups * LANES] of 16 bytes     Each lane runs three chains of four numbers, 16 steps an iteration.
//
// Twelve chains hide the latency of an operation, and with two operands fit the sixteen registers of a CPU.

#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 64;

layout(push_constant, std430) uniform Push {
    QuadsOut result;
    uint iterations;
} push;

void main() {
    // What comes out is stored, so that nothing is left out. A factor below 1 keeps it finite, a term above 0 normal.
    float factor = 0.96875 + float(gl_LocalInvocationID.x) * 1e-6;
    float term = float(gl_WorkGroupID.x + 1) * 1e-6;
    vec4 a = vec4(1.0), b = vec4(2.0), c = vec4(3.0);
    for (uint n = 0; n < push.iterations; n++) {
        [[unroll]] for (uint i = 0; i < 16; i++) {
            a = fma(a, vec4(factor), vec4(term));
            b = fma(b, vec4(factor), vec4(term));
            c = fma(c, vec4(factor), vec4(term));
        }
    }
    push.result.at[gl_WorkGroupID.x * LANES + gl_LocalInvocationID.x] = a + b + c;
}
