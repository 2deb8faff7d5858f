#version 460
#extension GL_GOOGLE_include_directive : require
// The token after each row's position, drawn from its logits. Grid: 1 x rows.
//
//   logits [rows, stride] f32     settings: SamplingSettings of each row
//   tokens: a word for each slot     drawn: words that the host reads

#include "storage.glsl"
#include "places.glsl"
#include "random.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

#include "sampling.glsl"

layout(push_constant, std430) uniform Push {
    Floats logits;
    AllSettings settings;
    Places places;
    UintsOut tokens;
    UintsOut drawn;
    uint vocabulary;
    uint stride;        // elements of a row
} push;

float storedLogit(uint index) { return push.logits.at[gl_WorkGroupID.y * push.stride + index]; }

void main() {
    uint row = gl_WorkGroupID.y;
    Place place = push.places.at[row];
    // Rows that fill up a bucket have no token.
    if (place.keys == 0u) return;
    Best best = NO_BEST;
    for (uint i = gl_LocalInvocationIndex; i < push.vocabulary; i += LANES) best = bestWith(best, i, storedLogit(i));
    drawToken(bestOfLanes(best), push.settings.at[row], place, push.tokens, push.drawn, push.vocabulary);
}
