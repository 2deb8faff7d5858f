#version 460
#extension GL_GOOGLE_include_directive : require
// softmax(scale * x) over the columns of each row, padding left out (and written as zeros).
//
//   x, result [rows, columns] f32     One row per subgroup.

#extension GL_KHR_shader_subgroup_arithmetic : require

#include "storage.glsl"
#include "rows.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

layout(push_constant, std430) uniform Push {
    Floats x;
    WordsOut result;
    uint rows;
    uint columns;
    uint stride;    // octets of a row
    float scale;
} push;

void main() {
    uint row = subgroupRow();
    if (row >= push.rows) return;
    uint first = row * push.stride * 8u;
    float largest = -1.7e38;
    for (uint i = gl_SubgroupInvocationID; i < push.columns; i += gl_SubgroupSize) {
        largest = max(largest, push.scale * push.x.at[first + i]);
    }
    largest = subgroupMax(largest);
    float total = 0.0;
    for (uint i = gl_SubgroupInvocationID; i < push.columns; i += gl_SubgroupSize) {
        total += exp(push.scale * push.x.at[first + i] - largest);
    }
    total = subgroupAdd(total);
    for (uint i = gl_SubgroupInvocationID; i < push.stride; i += gl_SubgroupSize) {
        Octet y;
        [[unroll]] for (uint k = 0u; k < 4u; k++) {
            uint low = 8u * i + k;
            uint high = low + 4u;
            y.low[k] = low < push.columns ? exp(push.scale * push.x.at[first + low] - largest) / total : 0.0;
            y.high[k] = high < push.columns ? exp(push.scale * push.x.at[first + high] - largest) / total : 0.0;
        }
        storeOctet(push.result, row * push.stride + i, y, F32);
    }
}
