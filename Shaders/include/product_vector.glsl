// The loop of a product for few rows, bound by reading B once: a subgroup makes four neighbouring columns of every row; its
// lanes share the depth, by octets or by the groups of a quantised B, and each is left with its part of the sums.
//
// The file that includes this defines A_TYPE, B_TYPE and TILE_ROWS, and a, b and depth in `push`.

float dotOctet(Octet x, Octet y) { return dot(x.low, y.low) + dot(x.high, y.high); }

// Of the first `rows` rows; those behind repeat the last.
void product(uint column, uint rows, out vec4 sums[TILE_ROWS]) {
    uint octets = push.depth / 8u;
    [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) sums[row] = vec4(0.0);
    if (isPlain(B_TYPE)) {
        for (uint octet = gl_SubgroupInvocationID; octet < octets; octet += gl_SubgroupSize) {
            Octet b[4];
            [[unroll]] for (uint i = 0u; i < 4u; i++) b[i] = loadOctet(push.b, (column + i) * octets + octet, B_TYPE);
            [[unroll]] for (uint row = 0u; row < TILE_ROWS; row++) {
                Octet a = loadOctet(push.a, min(row, rows - 1u) * octets + octet, A_TYPE);
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
                    Octet a = loadOctet(push.a, min(row, rows - 1u) * octets + octet, A_TYPE);
                    sums[row] += vec4(dotOctet(a, b0), dotOctet(a, b1), dotOctet(a, b2), dotOctet(a, b3));
                }
            }
        }
    }
}
