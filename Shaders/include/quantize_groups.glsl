// Keys and values to 8 bits an element, in groups of 32 columns. Needs format.glsl, and `saturations` in `push`.
//
// The file that includes this defines `Octet loadKept(uint row, uint octet)`: what is kept of a row, from its first octet on.

const uint NAN_HALF = 0x7e00u;

float largestOf(vec4 x) { return max(max(abs(x.x), abs(x.y)), max(abs(x.z), abs(x.w))); }

uint packCodes(vec4 x, float inverse) {
    uvec4 codes = uvec4(ivec4(roundEven(clamp(x * inverse, -127.0, 127.0)))) & 255u;
    return codes.x | (codes.y << 8) | (codes.z << 16) | (codes.w << 24);
}

// Halves are rounded as the driver likes, by less than 2^-10: the largest element stays within half a step of the last code.
uint scaleOf(float largest) {
    if (largest * (128.0 / 127.5) > F16_LARGEST) atomicAdd(push.saturations.value, 1u);
    // `largest` may be infinite.
    return packHalf2x16(vec2(min(largest * (128.0 / 127.0), F16_LARGEST), 0.0));
}

// Writes the codes of a group, of a row that begins at word `start` and has `octets` octets, and gives its scale; those of
// the last group's missing columns are zero.
uint storeGroup(UintsOut target, uint start, uint row, uint group, uint octets) {
    Octet x[4];
    float largest = 0.0;
    bool hasNaN = false;
    [[unroll]] for (uint i = 0u; i < 4u; i++) {
        uint octet = 4u * group + i;
        x[i] = zeroOctet();
        if (octet < octets) x[i] = loadKept(row, octet);
        largest = max(largest, max(largestOf(x[i].low), largestOf(x[i].high)));
        hasNaN = hasNaN || any(isnan(x[i].low)) || any(isnan(x[i].high));
    }
    uint scale = hasNaN ? NAN_HALF : scaleOf(largest);
    float step = unpackHalf2x16(scale).x * 0.0078125;
    float inverse = step > 0.0 ? 1.0 / step : 0.0;
    [[unroll]] for (uint i = 0u; i < 4u; i++) {
        target.at[start + 8u * group + 2u * i] = packCodes(x[i].low, inverse);
        target.at[start + 8u * group + 2u * i + 1u] = packCodes(x[i].high, inverse);
    }
    return scale;
}

// Groups 2 * pair and 2 * pair + 1 of a row, whose scales share a word, to row `place` of `target`.
void quantizePair(UintsOut target, uint place, uint row, uint pair, uint octets) {
    uint groups = (octets + 3u) / 4u;
    uint group = 2u * pair;
    if (group >= groups) return;
    uint start = 4u * rowStart(place, groups, Q8);
    uint scales = storeGroup(target, start, row, group, octets);
    if (group + 1u < groups) scales |= storeGroup(target, start, row, group + 1u, octets) << 16;
    target.at[start + 8u * groups + pair] = scales;
}
