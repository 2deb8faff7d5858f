#version 460
#extension GL_GOOGLE_include_directive : require
// Mean of squares of tokens on a grid: PLM's adaptive pooling where the ratio is whole
// (perception_models: core/vision_projector/base.py).
//
//   x [skipped + side * side, stride * 8]     result rows [first, ...) of [rows, stride * 8], (side / ratio)^2 of them
//   Grid: octets of columns x pooled tokens.

#define NEAREST true
#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint X_TYPE = 0;
layout(constant_id = 2) const uint RESULT_TYPE = 0;

layout(push_constant, std430) uniform Push {
    Words x;
    WordsOut result;
    Counter saturations;
    Uints first;    // the first row of the result
    uint skipped;   // rows in front of the grid: the class token
    uint side;
    uint ratio;
    uint stride;    // octets of a row
    uint rows;      // of the result
} push;

void main() {
    uint octet = gl_GlobalInvocationID.x;
    if (octet >= push.stride) return;
    uint pooledSide = push.side / push.ratio;
    uint pooled = gl_WorkGroupID.y;
    uint row = push.first.at[0] + pooled;
    if (row >= push.rows) return;
    uint y = pooled / pooledSide * push.ratio;
    uint x = pooled % pooledSide * push.ratio;
    Octet sum = zeroOctet();
    for (uint dy = 0u; dy < push.ratio; dy++) {
        for (uint dx = 0u; dx < push.ratio; dx++) {
            uint token = push.skipped + (y + dy) * push.side + x + dx;
            Octet value = loadOctet(push.x, token * push.stride + octet, X_TYPE);
            sum.low += value.low;
            sum.high += value.high;
        }
    }
    float share = 1.0 / float(push.ratio * push.ratio);
    Octet mean = Octet(sum.low * share, sum.high * share);
    if (RESULT_TYPE == F16 && (overflowsF16(mean.low) || overflowsF16(mean.high))) atomicAdd(push.saturations.value, 1u);
    storeOctet(push.result, row * push.stride + octet, mean, RESULT_TYPE);
}
