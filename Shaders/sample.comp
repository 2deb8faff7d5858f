#version 460
#extension GL_GOOGLE_include_directive : require
// The token after the cursor's position, drawn from its logits; then the cursor stands on it. One workgroup.
//
//   logits [1, vocabulary] f32     settings: SamplingSettings     tokens: ring of `capacity` words that the host reads

#include "storage.glsl"
#include "cursor.glsl"
#include "random.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

#include "sampling.glsl"

layout(push_constant, std430) uniform Push {
    Floats logits;
    SamplingSettings settings;
    Cursor cursor;
    UintsOut tokens;
    uint vocabulary;
    uint capacity;
} push;

float storedLogit(uint index) { return push.logits.at[index]; }

void main() {
    Best best = NO_BEST;
    for (uint i = gl_LocalInvocationIndex; i < push.vocabulary; i += LANES) best = bestWith(best, i, storedLogit(i));
    drawToken(bestOfLanes(best), push.settings, push.cursor, push.tokens, push.vocabulary, push.capacity);
}
