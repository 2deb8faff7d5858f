#version 460
#extension GL_GOOGLE_include_directive : require
// Keys and values of a run put into a cache of 8 bits an element, at their positions.
//
//   x [rows, 8 * octets], xStride octets apart     result [positions, 8 * octets] q8 (quantized.glsl)
//
// Grid: pairs of groups x rows. It cannot be the product's epilogue: a group's scale needs all 32 columns at once, and a
// subgroup of `matvec` makes four. A lane makes two groups, whose scales share a word, so that no two write to one.

#include "storage.glsl"
#include "quantized.glsl"
#include "cursor.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint X_TYPE = 0;

layout(push_constant, std430) uniform Push {
    Words x;
    UintsOut result;
    Counter saturations;
    Cursor cursor;
    uint octets;
    uint xStride;   // octets
} push;

const uint NAN_HALF = 0x7e00u;

float largestOf(vec4 x) { return max(max(abs(x.x), abs(x.y)), max(abs(x.z), abs(x.w))); }

uint packCodes(vec4 x, float inverse) {
    uvec4 codes = uvec4(ivec4(roundEven(clamp(x * inverse, -127.0, 127.0)))) & 255u;
    return codes.x | (codes.y << 8) | (codes.z << 16) | (codes.w << 24);
}

// Halves are rounded as the driver likes, by less than 2^-10: the largest element stays within half a step of the last code.
uint scaleOf(float largest) {
    if (largest * (128.0 / 127.5) > F16_LARGEST) atomicAdd(push.saturations.value, 1u);
    // `largest` may be infinite.
    return packHalf2x16(vec2(min(largest * (128.0 / 127.0), F16_LARGEST), 0.0));
}

// Writes the codes of a group and gives its scale; those of the last group's missing columns are zero.
uint storeGroup(uint row, uint codes, uint group) {
    Octet x[4];
    float largest = 0.0;
    bool hasNaN = false;
    [[unroll]] for (uint i = 0u; i < 4u; i++) {
        uint octet = 4u * group + i;
        x[i] = zeroOctet();
        if (octet < push.octets) x[i] = loadOctet(push.x, row * push.xStride + octet, X_TYPE);
        largest = max(largest, max(largestOf(x[i].low), largestOf(x[i].high)));
        hasNaN = hasNaN || any(isnan(x[i].low)) || any(isnan(x[i].high));
    }
    uint scale = hasNaN ? NAN_HALF : scaleOf(largest);
    float step = unpackHalf2x16(scale).x * 0.0078125;
    float inverse = step > 0.0 ? 1.0 / step : 0.0;
    [[unroll]] for (uint i = 0u; i < 4u; i++) {
        push.result.at[codes + 8u * group + 2u * i] = packCodes(x[i].low, inverse);
        push.result.at[codes + 8u * group + 2u * i + 1u] = packCodes(x[i].high, inverse);
    }
    return scale;
}

void main() {
    uint groups = (push.octets + 3u) / 4u;
    uint group = 2u * gl_GlobalInvocationID.x;
    uint row = gl_WorkGroupID.y;
    // Rows that fill up a bucket have no place there.
    if (group >= groups || row >= push.cursor.count) return;
    uint start = 4u * rowStart(push.cursor.first + row, groups, Q8);
    uint scales = storeGroup(row, start, group);
    if (group + 1u < groups) scales |= storeGroup(row, start, group + 1u) << 16;
    push.result.at[start + 8u * groups + group / 2u] = scales;
}
