#version 460
#extension GL_GOOGLE_include_directive : require
// Decoded planes to upright RGBA words: colour conversion, chroma upsampling, orientation, premultiplication.
//
//   source: bytes of the planes     result [height, width] words     Any grid: workgroups stride over the rows.
//
// LAYOUTS has bit i where images of layout i may come. What serves the others is not compiled: CPU drivers run both sides
// of a branch.
//
// Chroma between the samples is interpolated with the triangle filter of libjpeg's "fancy upsampling", with its rounding,
// so that a JPEG comes out as most decoders make it.

#include "storage.glsl"
#include "pixel_header.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint LAYOUTS = 255;
// 1: pixels of 4:2:0 images that are not turned come in runs of eight, which share loads.
layout(constant_id = 2) const uint RUNS = 0;

layout(push_constant, std430) uniform Push {
    PixelHeader header;
    Uints source;
    UintsOut result;
} push;

bool isLayout(uint layoutKind) {
    uint bit = 1u << layoutKind;
    return (LAYOUTS & bit) != 0u && (LAYOUTS == bit || push.header.layoutKind == layoutKind);
}

uint byteAt(uint offset) { return (push.source.at[offset >> 2] >> ((offset & 3u) * 8u)) & 255u; }

int chromaAt(uint plane, int x, int y) {
    int width = int(push.header.codedWidth);
    int height = int(push.header.codedHeight);
    x = clamp(x, 0, isLayout(LAYOUT_YUV444) ? width - 1 : (width + 1) / 2 - 1);
    y = clamp(y, 0, isLayout(LAYOUT_YUV420) || isLayout(LAYOUT_NV12) ? (height + 1) / 2 - 1 : height - 1);
    if (isLayout(LAYOUT_YUYV)) {
        return int(byteAt(push.header.planeOffset[0] + uint(y) * push.header.planeStride[0] + uint(x) * 4u + plane * 2u - 1u));
    }
    if (isLayout(LAYOUT_NV12)) {
        return int(byteAt(push.header.planeOffset[1] + uint(y) * push.header.planeStride[1] + uint(x) * 2u + plane - 1u));
    }
    return int(byteAt(push.header.planeOffset[plane] + uint(y) * push.header.planeStride[plane] + uint(x)));
}

// Three parts of the nearer row and one of the farther.
int chromaColumn(uint plane, int x, int row, int farther) {
    return 3 * chromaAt(plane, x, row) + chromaAt(plane, x, farther);
}

int chroma(uint plane, int x, int y) {
    bool fullHeight = isLayout(LAYOUT_YUV422) || isLayout(LAYOUT_YUYV);
    if (isLayout(LAYOUT_YUV444)) return chromaAt(plane, x, y);
    int column = x / 2;
    bool odd = (x & 1) != 0;
    int last = (int(push.header.codedWidth) + 1) / 2 - 1;
    int side = odd ? column + 1 : column - 1;
    bool edge = side < 0 || side > last;
    // Rows of one or two samples are repeated, as libjpeg-turbo does (jdsample.c).
    if (push.header.chromaCentred != 0u && last < 2) return chromaAt(plane, column, fullHeight ? y : y / 2);
    if (fullHeight) {
        if (push.header.chromaCentred == 0u) {
            return odd ? (chromaAt(plane, column, y) + chromaAt(plane, column + 1, y) + 1) >> 1 : chromaAt(plane, column, y);
        }
        if (edge) return chromaAt(plane, column, y);
        return (3 * chromaAt(plane, column, y) + chromaAt(plane, side, y) + (odd ? 2 : 1)) >> 2;
    }
    int row = y / 2;
    int farther = (y & 1) != 0 ? row + 1 : row - 1;
    int nearSum = chromaColumn(plane, column, row, farther);
    if (push.header.chromaCentred == 0u) {
        return odd ? (nearSum + chromaColumn(plane, column + 1, row, farther) + 4) >> 3 : (nearSum + 2) >> 2;
    }
    int sideSum = edge ? nearSum : chromaColumn(plane, side, row, farther);
    return (3 * nearSum + sideSum + (odd ? 7 : 8)) >> 4;
}

uvec4 pixelAt(int x, int y) {
    uint row = push.header.planeOffset[0] + uint(y) * push.header.planeStride[0];
    if (isLayout(LAYOUT_RGB8)) {
        uint first = row + 3u * uint(x);
        return uvec4(byteAt(first), byteAt(first + 1u), byteAt(first + 2u), 255u);
    }
    if (isLayout(LAYOUT_RGBA8)) {
        uint first = row + 4u * uint(x);
        return uvec4(byteAt(first), byteAt(first + 1u), byteAt(first + 2u), byteAt(first + 3u));
    }
    if (isLayout(LAYOUT_GREY8)) return uvec4(uvec3(byteAt(row + uint(x))), 255u);
    uint lumaStep = isLayout(LAYOUT_YUYV) ? 2u : 1u;
    int luma = push.header.lumaScale * (int(byteAt(row + lumaStep * uint(x))) - push.header.lumaOffset) + 32768;
    int cb = chroma(1u, x, y) - 128;
    int cr = chroma(2u, x, y) - 128;
    ivec3 colour = ivec3(luma + push.header.redFromCr * cr,
                         luma + push.header.greenFromCb * cb + push.header.greenFromCr * cr,
                         luma + push.header.blueFromCb * cb);
    return uvec4(clamp(colour >> 16, ivec3(0), ivec3(255)), 255u);
}

// Coded position of an upright pixel, for the eight Exif orientations.
ivec2 codedPosition(int x, int y) {
    int right = int(push.header.codedWidth) - 1;
    int bottom = int(push.header.codedHeight) - 1;
    switch (push.header.orientation) {
        case 2u: return ivec2(right - x, y);
        case 3u: return ivec2(right - x, bottom - y);
        case 4u: return ivec2(x, bottom - y);
        case 5u: return ivec2(y, x);
        case 6u: return ivec2(y, bottom - x);
        case 7u: return ivec2(right - y, bottom - x);
        case 8u: return ivec2(right - y, x);
        default: return ivec2(x, y);
    }
}

// Whether the image comes in runs. Rows of one or two samples of chroma are repeated, not interpolated.
bool comesInRuns() {
    return RUNS != 0u && isLayout(LAYOUT_YUV420) && push.header.orientation == 1u && push.header.codedWidth > 4u &&
           push.header.premultiply == 0u;
}

// The first `count` of four bytes from `offset` on; the others may be anything.
uint fourBytesAt(uint offset, uint count) {
    uint before = offset & 3u;
    uint word = push.source.at[offset >> 2] >> (8u * before);
    // Behind the last byte there may be no word.
    if (before + min(count, 4u) <= 4u) return word;
    return word | push.source.at[(offset >> 2) + 1u] << (32u - 8u * before);
}

int byteOf(uint word, uint index) { return int((word >> (8u * index)) & 255u); }

// Samples `first` - 1 to `first` + 4 of a row, those beyond its ends being its first and its last.
int[6] chromaRun(uint row, int first, int last) {
    uint word = fourBytesAt(row + uint(first), uint(last - first) + 1u);
    int samples[6];
    samples[0] = int(byteAt(row + uint(max(first - 1, 0))));
    for (int i = 0; i < 4; i++) samples[i + 1] = byteOf(word, uint(min(i, last - first)));
    samples[5] = int(byteAt(row + uint(min(first + 4, last))));
    return samples;
}

// As `chroma`, of eight pixels from an even column of `first` * 2 on.
int[8] chromaOfRun(uint plane, int first, int y) {
    int last = (int(push.header.codedWidth) + 1) / 2 - 1;
    int lastRow = (int(push.header.codedHeight) + 1) / 2 - 1;
    int farther = clamp((y & 1) != 0 ? y / 2 + 1 : y / 2 - 1, 0, lastRow);
    uint stride = push.header.planeStride[plane];
    int near[6] = chromaRun(push.header.planeOffset[plane] + uint(y / 2) * stride, first, last);
    int far[6] = chromaRun(push.header.planeOffset[plane] + uint(farther) * stride, first, last);
    int sums[6];
    for (int i = 0; i < 6; i++) sums[i] = 3 * near[i] + far[i];
    int result[8];
    for (int i = 0; i < 4; i++) {
        int middle = sums[i + 1];
        if (push.header.chromaCentred == 0u) {
            result[2 * i] = (middle + 2) >> 2;
            result[2 * i + 1] = (middle + sums[i + 2] + 4) >> 3;
        } else {
            result[2 * i] = (3 * middle + sums[i] + 8) >> 4;
            result[2 * i + 1] = (3 * middle + sums[i + 2] + 7) >> 4;
        }
    }
    return result;
}

void unpackRun(uint x, uint y) {
    uint row = push.header.planeOffset[0] + y * push.header.planeStride[0] + x;
    uint left = push.header.width - x;
    uint luma[2] = uint[2](fourBytesAt(row, left), left > 4u ? fourBytesAt(row + 4u, left - 4u) : 0u);
    int cb[8] = chromaOfRun(1u, int(x / 2u), int(y));
    int cr[8] = chromaOfRun(2u, int(x / 2u), int(y));
    for (uint i = 0u; i < 8u; i++) {
        int light = push.header.lumaScale * (byteOf(luma[i / 4u], i % 4u) - push.header.lumaOffset) + 32768;
        int blue = cb[i] - 128;
        int red = cr[i] - 128;
        ivec3 colour = ivec3(light + push.header.redFromCr * red,
                             light + push.header.greenFromCb * blue + push.header.greenFromCr * red,
                             light + push.header.blueFromCb * blue);
        if (x + i < push.header.width) {
            push.result.at[y * push.header.width + x + i] =
                packPixel(uvec4(clamp(colour >> 16, ivec3(0), ivec3(255)), 255u));
        }
    }
}

void main() {
    uint rowsOfRuns = comesInRuns() ? push.header.height : 0u;
    for (uint y = gl_WorkGroupID.x; y < rowsOfRuns; y += gl_NumWorkGroups.x) {
        for (uint x = gl_LocalInvocationID.x * 8u; x < push.header.width; x += LANES * 8u) unpackRun(x, y);
    }
    if (rowsOfRuns != 0u) return;
    for (uint y = gl_WorkGroupID.x; y < push.header.height; y += gl_NumWorkGroups.x) {
        for (uint x = gl_LocalInvocationID.x; x < push.header.width; x += LANES) {
            ivec2 at = codedPosition(int(x), int(y));
            uvec4 colour = pixelAt(at.x, at.y);
            if (push.header.premultiply != 0u) {
                uvec3 product = colour.rgb * colour.a + 128u;
                colour.rgb = (product + (product >> 8)) >> 8;
            }
            push.result.at[y * push.header.width + x] = packPixel(colour);
        }
    }
}
