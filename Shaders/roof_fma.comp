#version 460
#extension GL_GOOGLE_include_directive : require
// Multiplies and adds in registers: the roof of kernels that are bound by f32 arithmetic.
//
//   result [groups * LANES] of 16 bytes     Each lane runs eight chains of four, so that none waits for itself.

#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 64;

layout(push_constant, std430) uniform Push {
    QuadsOut result;
    uint iterations;
} push;

void main() {
    // What comes out is stored, so that nothing is left out. A factor below 1 keeps it finite, a term above 0 normal.
    vec4 factor = vec4(0.5) + vec4(gl_LocalInvocationID.x) * 1e-6;
    vec4 term = vec4(gl_WorkGroupID.x + 1) * 1e-6;
    vec4 chains[8];
    [[unroll]] for (uint i = 0; i < 8; i++) chains[i] = vec4(i + 1);
    for (uint n = 0; n < push.iterations; n++) {
        [[unroll]] for (uint i = 0; i < 8; i++) chains[i] = fma(chains[i], factor, term);
    }
    vec4 sum = vec4(0.0);
    [[unroll]] for (uint i = 0; i < 8; i++) sum += chains[i];
    push.result.at[gl_WorkGroupID.x * LANES + gl_LocalInvocationID.x] = sum;
}
