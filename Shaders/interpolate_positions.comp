#version 460
#extension GL_GOOGLE_include_directive : require
// Position embeddings for another grid: bilinear, align_corners = false, no antialiasing, also when it shrinks
// (perception_models: core/vision_encoder/pe.py, `_sample_abs_posemb`). The class token's row is kept.
//
//   positions [classRows + nativeRows * nativeColumns, stride * 8] f32
//   result [classRows + gridRows * gridColumns, stride * 8] f32     Grid: quads of columns x tokens.

#include "storage.glsl"

layout(local_size_x_id = 0) in;
layout(constant_id = 0) const uint LANES = 8;

layout(push_constant, std430) uniform Push {
    Quads positions;
    QuadsOut result;
    uint stride;
    uint classRows;
    uint nativeRows;
    uint nativeColumns;
    uint gridRows;
    uint gridColumns;
} push;

vec4 position(uint y, uint x, uint quad) {
    return push.positions.at[(push.classRows + y * push.nativeColumns + x) * push.stride * 2u + quad];
}

void main() {
    uint quads = push.stride * 2u;
    uint quad = gl_GlobalInvocationID.x;
    uint token = gl_WorkGroupID.y;
    if (quad >= quads) return;
    if (token < push.classRows) {
        push.result.at[token * quads + quad] = push.positions.at[token * quads + quad];
        return;
    }
    uint cell = token - push.classRows;
    float y = float(cell / push.gridColumns);
    float x = float(cell % push.gridColumns);
    y = max((y + 0.5) * (float(push.nativeRows) / float(push.gridRows)) - 0.5, 0.0);
    x = max((x + 0.5) * (float(push.nativeColumns) / float(push.gridColumns)) - 0.5, 0.0);
    uint top = min(uint(y), push.nativeRows - 1u);
    uint left = min(uint(x), push.nativeColumns - 1u);
    uint bottom = min(top + 1u, push.nativeRows - 1u);
    uint right = min(left + 1u, push.nativeColumns - 1u);
    vec4 upper = mix(position(top, left, quad), position(top, right, quad), x - float(left));
    vec4 lower = mix(position(bottom, left, quad), position(bottom, right, quad), x - float(left));
    push.result.at[token * quads + quad] = mix(upper, lower, y - float(top));
}
