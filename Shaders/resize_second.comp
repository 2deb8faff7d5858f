#version 460
#extension GL_GOOGLE_include_directive : require
// Second pass of Pillow's antialiased resize: the axis that resize_first left, rounded to 8 bits, then normalised:
// (v / 255 - mean) / deviation.
//
//   source as resize_first leaves it     result [images, 3, pixelRows, pixelStride * 8] f32
//   Any grid: it strides over the result's pixels.

#include "storage.glsl"
#include "pixel_header.glsl"
#include "resize.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer FloatsOut {
    float at[];
};

layout(push_constant, std430) uniform Push {
    PixelHeader header;
    Uints source;
    FloatsOut result;
    uint pixelStride;
    uint pixelRows;
} push;

void main() {
    uint width = push.header.resultWidth;
    uint count = width * push.header.resultHeight;
    for (uint i = gl_GlobalInvocationID.x; i < count; i += gl_NumWorkGroups.x * gl_WorkGroupSize.x) {
        uint x = i % width;
        uint y = i / width;
        uvec4 colour = push.header.columnsFirst != 0u
            ? resampleRow(push.header, push.source, x, y, push.header.width)
            : resampleColumn(push.header, push.source, x, y, width);
        if (push.header.premultiply != 0u && colour.a != 0u && colour.a != 255u) {
            colour.rgb = min(colour.rgb * 255u / colour.a, uvec3(255u));
        }
        [[unroll]] for (uint channel = 0u; channel < 3u; channel++) {
            float value = (float(colour[channel]) / 255.0 - push.header.mean[channel]) / push.header.deviation[channel];
            uint row = (push.header.image * 3u + channel) * push.pixelRows + y;
            push.result.at[row * push.pixelStride * 8u + x] = value;
        }
    }
}
