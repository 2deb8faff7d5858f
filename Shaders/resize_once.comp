#version 460
#extension GL_GOOGLE_include_directive : require
// Antialiased resize of both axes in f32, rounded to 8 bits at the end, not between the axes, then normalised:
// torchvision's resize of tensors, which the language model's video frames went through
// (perception_models: core/transforms/video_transform.py).
//
//   source [height, width] words     result [images, 3, pixelRows, pixelStride * 8] f32
//   Any grid: it strides over the result's pixels.

#include "storage.glsl"
#include "pixel_header.glsl"

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

const float TAP = 1.0 / 4194304.0;  // taps have 22 fractional bits

void main() {
    uint width = push.header.resultWidth;
    uint count = width * push.header.resultHeight;
    for (uint i = gl_GlobalInvocationID.x; i < count; i += gl_NumWorkGroups.x * gl_WorkGroupSize.x) {
        uint x = i % width;
        uint y = i / width;
        uint across = push.header.horizontalTable - FIXED_WORDS + x * (push.header.horizontalTaps + 2u);
        uint down = push.header.verticalTable - FIXED_WORDS + y * (push.header.verticalTaps + 2u);
        uint first = uint(push.header.rest[down]) * push.header.width + uint(push.header.rest[across]);
        uint columns = uint(push.header.rest[across + 1u]);
        uint rows = uint(push.header.rest[down + 1u]);
        vec3 sum = vec3(0.0);
        for (uint row = 0u; row < rows; row++) {
            vec3 line = vec3(0.0);
            for (uint column = 0u; column < columns; column++) {
                float tap = float(push.header.rest[across + 2u + column]) * TAP;
                line += tap * vec3(unpackPixel(push.source.at[first + row * push.header.width + column]).rgb);
            }
            sum += float(push.header.rest[down + 2u + row]) * TAP * line;
        }
        vec3 colour = roundEven(clamp(sum, vec3(0.0), vec3(255.0)));
        [[unroll]] for (uint channel = 0u; channel < 3u; channel++) {
            float value = (colour[channel] / 255.0 - push.header.mean[channel]) / push.header.deviation[channel];
            uint row = (push.header.image * 3u + channel) * push.pixelRows + y;
            push.result.at[row * push.pixelStride * 8u + x] = value;
        }
    }
}
