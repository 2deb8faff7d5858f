// Octets of keys or values as they lie in memory: what is loaded first and widened later, so that many loads are under way
// before the first is waited for. Needs format.glsl.

struct Fetched {
    uvec4 low;      // of q8 two words of codes, the word with the scale, and which half of it
    uvec4 high;     // of f32 only
};

// Octet `octet` of row `row`, of rows of `octets` octets.
Fetched fetchOctet(Words words, uint row, uint octet, uint octets, uint type) {
    if (type == Q8) {
        uint groups = (octets + 3u) / 4u;
        uint start = rowStart(row, groups, Q8);
        return Fetched(uvec4(loadWordPair(words, 2u * start + octet), loadWord(words, 4u * start + 8u * groups + octet / 8u),
                             octet / 4u % 2u), uvec4(0u));
    }
    uint index = row * octets + octet;
    if (type == F32) return Fetched(words.at[2u * index], words.at[2u * index + 1u]);
    return Fetched(words.at[index], uvec4(0u));
}

Octet widen(Fetched fetched, uint type) {
    uvec4 low = fetched.low;
    if (type == F32) return Octet(uintBitsToFloat(low), uintBitsToFloat(fetched.high));
    if (type == F16) return Octet(widenF16(low.xy), widenF16(low.zw));
    if (type == BF16) return Octet(widenBF16(low.xy), widenBF16(low.zw));
    return octetQ8(low.xy, vec2(unpackHalf2x16(low.w == 0u ? low.z : low.z >> 16).x * 0.0078125, 0.0));
}
