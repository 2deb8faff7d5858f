// What changes from image to image, in words of device memory, so that the kernels are recorded once for all sizes.
// Swift's side is `PixelHeader`.

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer PixelHeader {
    uint layoutKind;            // LAYOUT_...
    uint codedWidth;
    uint codedHeight;
    uint width;                 // upright, after the orientation is applied
    uint height;
    uint orientation;           // Exif 1 ... 8
    uint planeOffset[3];        // bytes
    uint planeStride[3];        // bytes
    int lumaOffset;
    int lumaScale;              // 16.16, as the four below
    int redFromCr;
    int greenFromCb;
    int greenFromCr;
    int blueFromCb;
    uint chromaCentred;         // 1: between the luma samples (JPEG); 0: on the left one
    uint premultiply;           // 1: resize with premultiplied alpha, as Pillow does for RGBA
    uint image;                 // index in the batch
    uint resultWidth;
    uint resultHeight;
    uint horizontalTaps;
    uint horizontalTable;       // word offsets from the header's start: per output (first, count), then taps
    uint verticalTaps;
    uint verticalTable;
    uint columnsFirst;          // 1: the vertical pass is the first
    float mean[3];
    float deviation[3];
    int rest[];                 // words behind the fixed ones, tables among them
};

// Words before `rest`. The tables are reached through the header, since SwiftShader cannot see one address as two types.
const uint FIXED_WORDS = 34u;

const uint LAYOUT_RGB8 = 0u;
const uint LAYOUT_RGBA8 = 1u;
const uint LAYOUT_GREY8 = 2u;
const uint LAYOUT_YUV420 = 3u;
const uint LAYOUT_YUV422 = 4u;
const uint LAYOUT_YUV444 = 5u;
const uint LAYOUT_NV12 = 6u;
const uint LAYOUT_YUYV = 7u;

uint packPixel(uvec4 c) { return c.x | (c.y << 8) | (c.z << 16) | (c.w << 24); }
ivec4 unpackPixel(uint word) { return ivec4(word & 255u, (word >> 8) & 255u, (word >> 16) & 255u, word >> 24); }
