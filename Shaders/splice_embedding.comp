#version 460
#extension GL_GOOGLE_include_directive : require
// A decoder's input: rows of the token table, and rows of media features where the prompt has placeholders.
//
//   ids [rows]   table [vocabulary, stride * 8]   media [mediaRows, stride * 8]   result [rows, stride * 8] f32
//   Grid: octets of columns x rows.
//
// An id with the top bit set is a row of `media`. When decoding, ids are the tokens at hand of the rows' slots.

#include "storage.glsl"
#include "format.glsl"
#include "places.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;
layout(constant_id = 1) const uint TABLE_TYPE = 0;
layout(constant_id = 2) const uint MEDIA_TYPE = 0;
layout(constant_id = 3) const uint DECODING = 0;

layout(push_constant, std430) uniform Push {
    Uints ids;
    Words table;
    Words media;
    WordsOut result;
    Places places;
    Uints tokens;       // at hand, by slot
    uint stride;        // octets of a row
    uint width;
    uint vocabulary;
    uint mediaRows;
} push;

void main() {
    uint octet = gl_GlobalInvocationID.x;
    if (octet >= push.stride) return;
    uint row = gl_WorkGroupID.y;
    uint id = DECODING != 0u ? push.tokens.at[push.places.at[row].slot] : push.ids.at[row];
    // The host checks ids; the bounds keep loads inside whatever lies in memory.
    Octet value;
    if ((id & 0x80000000u) != 0u) {
        value = loadOctet(push.media, min(id & 0x7fffffffu, push.mediaRows - 1u) * push.stride + octet, MEDIA_TYPE);
    } else {
        value = loadRowOctet(push.table, min(id, push.vocabulary - 1u), octet, push.stride, TABLE_TYPE);
        // What lies behind the last column of a quantised row is code 0, which is the group's minimum.
        if (hasMinimum(TABLE_TYPE)) {
            uvec4 columns = octet * 8u + uvec4(0u, 1u, 2u, 3u);
            value.low = mix(vec4(0.0), value.low, lessThan(columns, uvec4(push.width)));
            value.high = mix(vec4(0.0), value.high, lessThan(columns + 4u, uvec4(push.width)));
        }
    }
    storeOctet(push.result, row * push.stride + octet, value, F32);
}
