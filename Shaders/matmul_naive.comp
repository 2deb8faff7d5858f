#version 460
#extension GL_GOOGLE_include_directive : require
// The baseline that tuned products are measured against: one thread per element of the result, vec4 loads, no tiling.
//
//   a [rows, depth]   b [columns, depth]   result [rows, columns] f32     Grid: columns / LANES x rows

#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 64;
layout(constant_id = 1) const uint A_TYPE = 0;
layout(constant_id = 2) const uint B_TYPE = 0;

layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer FloatsOut {
    float at[];
};

layout(push_constant, std430) uniform Push {
    Words a;
    Words b;
    FloatsOut result;
    uint columns;
    uint octets;
} push;

void main() {
    uint column = gl_GlobalInvocationID.x;
    uint row = gl_WorkGroupID.y;
    if (column >= push.columns) return;
    vec4 sums = vec4(0.0);
    for (uint octet = 0u; octet < push.octets; octet++) {
        Octet a = loadOctet(push.a, row * push.octets + octet, A_TYPE);
        Octet b = loadOctet(push.b, column * push.octets + octet, B_TYPE);
        sums = fma(a.low, b.low, sums);
        sums = fma(a.high, b.high, sums);
    }
    push.result.at[row * push.columns + column] = (sums.x + sums.y) + (sums.z + sums.w);
}
