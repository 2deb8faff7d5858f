#version 460
#extension GL_GOOGLE_include_directive : require
// The parts of attention_decode put together: sums and weights of each, brought to the largest score of all.
//
//   parts [count * heads, head + 8] f32     result [1, heads * head]     Grid: any; it strides over the octets.

#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint RESULT_TYPE = 0;

layout(push_constant, std430) uniform Push {
    Words parts;
    WordsOut result;
    uint count;
    uint heads;
    uint headOctets;
} push;

const float NONE = -1.7e38;

void main() {
    uint pitch = push.headOctets + 1u;
    uint octets = push.heads * push.headOctets;
    for (uint i = gl_GlobalInvocationID.x; i < octets; i += gl_NumWorkGroups.x * gl_WorkGroupSize.x) {
        uint head = i / push.headOctets;
        float largest = NONE;
        for (uint part = 0u; part < push.count; part++) {
            uint row = (part * push.heads + head) * pitch;
            largest = max(largest, loadOctet(push.parts, row + push.headOctets, F32).low.x);
        }
        Octet sum = zeroOctet();
        float total = 0.0;
        for (uint part = 0u; part < push.count; part++) {
            uint row = (part * push.heads + head) * pitch;
            vec4 state = loadOctet(push.parts, row + push.headOctets, F32).low;
            float share = exp(state.x - largest);
            Octet values = loadOctet(push.parts, row + i % push.headOctets, F32);
            sum.low = fma(vec4(share), values.low, sum.low);
            sum.high = fma(vec4(share), values.high, sum.high);
            total += share * state.y;
        }
        float inverse = 1.0 / total;
        storeOctet(push.result, i, Octet(sum.low * inverse, sum.high * inverse), RESULT_TYPE);
    }
}
