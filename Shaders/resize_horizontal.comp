#version 460
#extension GL_GOOGLE_include_directive : require
// First pass of Pillow's antialiased resize: rows, rounded to 8 bits.
//
//   source [height, width] words     result [height, resultWidth] words     Any grid: it strides over the result.

#include "storage.glsl"
#include "pixel_header.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

layout(push_constant, std430) uniform Push {
    PixelHeader header;
    Uints source;
    UintsOut result;
} push;

void main() {
    uint width = push.header.resultWidth;
    uint count = width * push.header.height;
    for (uint i = gl_GlobalInvocationID.x; i < count; i += gl_NumWorkGroups.x * gl_WorkGroupSize.x) {
        uint x = i % width;
        uint entry = push.header.horizontalTable - FIXED_WORDS + x * (push.header.horizontalTaps + 2u);
        uint first = (i / width) * push.header.width + uint(push.header.rest[entry]);
        uint taps = uint(push.header.rest[entry + 1u]);
        ivec4 sum = ivec4(1 << 21);
        for (uint tap = 0u; tap < taps; tap++) {
            sum += push.header.rest[entry + 2u + tap] * unpackPixel(push.source.at[first + tap]);
        }
        push.result.at[i] = packPixel(roundTaps(sum));
    }
}
