// `normalizeRow` of row_norm.glsl for GPUs, which wait for memory at each turn of a loop: a lane loads four octets at a time,
// under no condition. Needs row_norm.glsl.

const uint NORM_OCTETS = 4u;

// Octets i, i + lanes, ... of the row that begins at `first`; behind its end the last again, which does not count.
void loadNormOctets(uint first, uint i, uint lanes, out Octet x[NORM_OCTETS]) {
    [[unroll]] for (uint k = 0u; k < NORM_OCTETS; k++) {
        x[k] = loadResult(first + min(i + k * lanes, push.columns / 8u - 1u), F32);
    }
}

void normalizeRowAhead(uint row, uint lane, uint lanes) {
    uint octets = push.columns / 8u;
    uint first = row * octets;
    bool centred = (EPILOGUE & EPILOGUE_LAYER_NORM) != 0u;
    Octet x[NORM_OCTETS];

    float mean = 0.0;
    if (centred) {
        float sum = 0.0;
        for (uint i = lane; i < octets; i += NORM_OCTETS * lanes) {
            loadNormOctets(first, i, lanes, x);
            [[unroll]] for (uint k = 0u; k < NORM_OCTETS; k++) {
                vec4 pair = x[k].low + x[k].high;
                sum += i + k * lanes < octets ? (pair.x + pair.y) + (pair.z + pair.w) : 0.0;
            }
        }
        mean = sumOfRow(sum) / float(NORM_COLUMNS);
    }
    float squares = 0.0;
    for (uint i = lane; i < octets; i += NORM_OCTETS * lanes) {
        loadNormOctets(first, i, lanes, x);
        [[unroll]] for (uint k = 0u; k < NORM_OCTETS; k++) {
            uvec4 column = uvec4(0u, 1u, 2u, 3u) + 8u * (i + k * lanes);
            vec4 low = mix(vec4(0.0), x[k].low - mean, lessThan(column, uvec4(NORM_COLUMNS)));
            vec4 high = mix(vec4(0.0), x[k].high - mean, lessThan(column + 4u, uvec4(NORM_COLUMNS)));
            squares += dot(low, low) + dot(high, high);
        }
    }
    float scale = inversesqrt(sumOfRow(squares) / float(NORM_COLUMNS) + NORM_EPSILON);

    for (uint i = lane; i < octets; i += NORM_OCTETS * lanes) {
        loadNormOctets(first, i, lanes, x);
        [[unroll]] for (uint k = 0u; k < NORM_OCTETS; k++) {
            uint octet = min(i + k * lanes, octets - 1u);
            Octet weight = normOctet(octet);
            Octet bias = zeroOctet();
            if (centred) bias = normOctet(octets + octet);
            x[k] = Octet(fma((x[k].low - mean) * scale, weight.low, bias.low),
                         fma((x[k].high - mean) * scale, weight.high, bias.high));
        }
        [[unroll]] for (uint k = 0u; k < NORM_OCTETS; k++) {
            if (i + k * lanes >= octets) break;
            uint pair = 4u * (row * push.otherStride + i + k * lanes);
            storeOther(pair, x[k].low.xy);
            storeOther(pair + 1u, x[k].low.zw);
            storeOther(pair + 2u, x[k].high.xy);
            storeOther(pair + 3u, x[k].high.zw);
        }
    }
}
