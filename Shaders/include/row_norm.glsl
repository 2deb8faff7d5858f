// The result's rows, once they are all there, normalised for the next product as layer_norm and rms_norm do: `norm` is
// [1, columns] of weights, for LayerNorm above [1, columns] of biases. They go to `other`.
//
// Needs epilogue.glsl; the file that includes this defines `float sumOfRow(float)`, the sum over the lanes that share a row.

Octet normOctet(uint index) { return Octet(push.norm.at[2u * index], push.norm.at[2u * index + 1u]); }

// `lane` of the `lanes` that share the row; where it is not real, they only keep others company.
void normalizeRow(uint row, bool isReal, uint lane, uint lanes) {
    uint octets = push.columns / 8u;
    uint first = row * octets;
    bool centred = (EPILOGUE & EPILOGUE_LAYER_NORM) != 0u;

    float mean = 0.0;
    if (centred) {
        float sum = 0.0;
        for (uint i = lane; i < octets; i += lanes) {
            Octet x = loadResult(first + i, F32);
            vec4 pair = x.low + x.high;
            sum += (pair.x + pair.y) + (pair.z + pair.w);
        }
        mean = sumOfRow(sum) / float(NORM_COLUMNS);
    }
    // About the mean, in a second pass: see layer_norm.comp. Padding is zero, and left out where that is not the mean.
    float squares = 0.0;
    for (uint i = lane; i < octets; i += lanes) {
        Octet x = loadResult(first + i, F32);
        if (centred) {
            uvec4 column = uvec4(0u, 1u, 2u, 3u) + 8u * i;
            x.low = mix(vec4(0.0), x.low - mean, lessThan(column, uvec4(NORM_COLUMNS)));
            x.high = mix(vec4(0.0), x.high - mean, lessThan(column + 4u, uvec4(NORM_COLUMNS)));
        }
        squares += dot(x.low, x.low) + dot(x.high, x.high);
    }
    float scale = inversesqrt(sumOfRow(squares) / float(NORM_COLUMNS) + NORM_EPSILON);
    if (!isReal) return;

    for (uint i = lane; i < octets; i += lanes) {
        Octet x = loadResult(first + i, F32);
        Octet weight = normOctet(i);
        Octet bias = zeroOctet();
        if (centred) bias = normOctet(octets + i);
        vec4 low = fma((x.low - mean) * scale, weight.low, bias.low);
        vec4 high = fma((x.high - mean) * scale, weight.high, bias.high);
        uint pair = 4u * (row * push.otherStride + i);
        storeOther(pair, low.xy);
        storeOther(pair + 1u, low.zw);
        storeOther(pair + 2u, high.xy);
        storeOther(pair + 3u, high.zw);
    }
}
