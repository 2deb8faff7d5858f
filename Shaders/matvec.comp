#version 460
#extension GL_GOOGLE_include_directive : require
// Matrix product for at most TILE_ROWS rows, with the same epilogue as matmul: bound by reading B once.
//
// One subgroup makes four columns of every row; its lanes share the depth, by octets or by the groups of a quantised B, and
// add up at the end. The last workgroup normalises the rows, or quantises keys and values, where that is wanted.
// Grid: quads of columns.

#extension GL_KHR_shader_subgroup_arithmetic : require

#include "storage.glsl"
#include "quantized.glsl"
#include "gelu.glsl"
#include "product_constants.glsl"
#include "cursor.glsl"
#include "product_push.glsl"
#include "epilogue.glsl"

shared float kept;
void park(uint place, float value) { kept = value; }
float parked(uint place) { return kept; }
float sumOfRow(float value) { return subgroupAdd(value); }

#include "arrivals.glsl"
#include "row_norm.glsl"

Octet loadKept(uint row, uint octet) {
    return loadResult((row * push.columns + push.splitColumn) / 8u + octet, RESULT_TYPE);
}

#include "quantize_groups.glsl"

float dotOctet(Octet x, Octet y) { return dot(x.low, y.low) + dot(x.high, y.high); }

void main() {
    uint quad = gl_WorkGroupID.x * gl_NumSubgroups + gl_SubgroupID;
    uint octets = push.depth / 8u;
    uint column = min(quad * 4u, push.columns - 4u);

    vec4 sums[TILE_ROWS];
    [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) sums[row] = vec4(0.0);
    if (B_TYPE < Q8) {
        for (uint octet = gl_SubgroupInvocationID; octet < octets; octet += gl_SubgroupSize) {
            Octet b[4];
            [[unroll]] for (uint i = 0u; i < 4u; i++) b[i] = loadOctet(push.b, (column + i) * octets + octet, B_TYPE);
            [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) {
                Octet a = loadOctet(push.a, min(row, push.rows - 1u) * octets + octet, A_TYPE);
                sums[row] += vec4(dotOctet(a, b[0]), dotOctet(a, b[1]), dotOctet(a, b[2]), dotOctet(a, b[3]));
            }
        }
    } else {
        uint groups = (octets + 3u) / 4u;
        for (uint group = gl_SubgroupInvocationID; group < groups; group += gl_SubgroupSize) {
            Group b[4];
            [[unroll]] for (uint i = 0u; i < 4u; i++) b[i] = loadGroup(push.b, column + i, group, groups, B_TYPE);
            [[unroll]] for (uint part = 0u; part < 4u; part++) {
                // The last group may have fewer octets: of A there is no more.
                uint octet = 4u * group + part;
                if (octet >= octets) break;
                Octet b0 = octetOf(b[0], part, B_TYPE);
                Octet b1 = octetOf(b[1], part, B_TYPE);
                Octet b2 = octetOf(b[2], part, B_TYPE);
                Octet b3 = octetOf(b[3], part, B_TYPE);
                [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) {
                    Octet a = loadOctet(push.a, min(row, push.rows - 1u) * octets + octet, A_TYPE);
                    sums[row] += vec4(dotOctet(a, b0), dotOctet(a, b1), dotOctet(a, b2), dotOctet(a, b3));
                }
            }
        }
    }
    [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) {
        vec4 sum = subgroupAdd(sums[row]);
        if (subgroupElect()) storeProduct(row, quad * 4u, sum);
    }
    if ((EPILOGUE & (EPILOGUE_NORM | EPILOGUE_QUANTIZE)) == 0u) return;
    uint workgroups = (push.columns / 4u + gl_NumSubgroups - 1u) / gl_NumSubgroups;
    if (!arrivesLast(push.arrivals, 0u, workgroups)) return;
    if ((EPILOGUE & EPILOGUE_NORM) != 0u) {
        for (uint row = gl_SubgroupID; row < push.rows; row += gl_NumSubgroups) {
            normalizeRow(row, true, gl_SubgroupInvocationID, gl_SubgroupSize);
        }
    } else {
        uint columns = push.columns - push.splitColumn;
        uint end = min(push.rows, push.cursor.count);
        for (uint row = 0u; row < end; row++) {
            for (uint pair = gl_LocalInvocationIndex; 64u * pair < columns; pair += LANES) {
                quantizePair(push.other, push.cursor.first + row, row, pair, columns / 8u);
            }
        }
    }
}
