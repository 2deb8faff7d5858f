#version 460
#extension GL_GOOGLE_include_directive : require
// First pass of Pillow's antialiased resize, rounded to 8 bits: the rows, or the columns of what shrinks mostly in height.
//
//   source [height, width] words     result [height, resultWidth] or [resultHeight, width] words
//   Any grid: it strides over the result.

#include "storage.glsl"
#include "pixel_header.glsl"
#include "resize.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

layout(push_constant, std430) uniform Push {
    PixelHeader header;
    Uints source;
    UintsOut result;
} push;

void main() {
    bool columns = push.header.columnsFirst != 0u;
    uint width = columns ? push.header.width : push.header.resultWidth;
    uint count = width * (columns ? push.header.resultHeight : push.header.height);
    for (uint i = gl_GlobalInvocationID.x; i < count; i += gl_NumWorkGroups.x * gl_WorkGroupSize.x) {
        uvec4 colour = columns ? resampleColumn(push.header, push.source, i % width, i / width, width)
                               : resampleRow(push.header, push.source, i % width, i / width, push.header.width);
        push.result.at[i] = packPixel(colour);
    }
}
