// Rows of a weight, which may be quantised: groups of 32 codes along a row, then an f16 scale (q4: scale and minimum) for
// each group, filled up to 16 bytes. `QuantizedFormat` is Swift's side. Needs storage.glsl.
//
// Words are reached as components of the vectors that other types are loaded as: SwiftShader cannot see one address as two
// types.

uint loadWord(Words words, uint index) { return words.at[index / 4u][index % 4u]; }

#ifdef WIDE
uvec2 loadWordPair(Words words, uint index) { return unpackUint2x32(WidePairs(words).at[index / 2u][index % 2u]); }
#else
uvec2 loadWordPair(Words words, uint index) {
    return uvec2(words.at[index / 2u][2u * (index % 2u)], words.at[index / 2u][2u * (index % 2u) + 1u]);
}
#endif

vec4 signedBytes(uint word) { return vec4(ivec4(word << 24, word << 16, word << 8, word) >> 24); }
vec4 nibbles(uint word) { return vec4((uvec4(word) >> uvec4(0u, 4u, 8u, 12u)) & 15u); }

// Octet `octet` of row `row`, of rows of `octets` octets.
Octet loadRowOctet(Words words, uint row, uint octet, uint octets, uint type) {
    uint groups = (octets + 3u) / 4u;
    uint group = octet / 4u;
    if (type == Q8) {
        uint first = row * (8u * groups + (groups + 7u) / 8u * 4u);
        uvec2 codes = loadWordPair(words, first / 2u + octet);
        vec2 scales = unpackHalf2x16(loadWord(words, first + 8u * groups + group / 2u));
        float step = scales[group % 2u] * 0.0078125;
        return Octet(signedBytes(codes.x) * step, signedBytes(codes.y) * step);
    }
    if (type == Q4) {
        uint first = row * (4u * groups + (groups + 3u) / 4u * 4u);
        uint codes = loadWord(words, first + octet);
        vec2 scale = unpackHalf2x16(loadWord(words, first + 4u * groups + group));
        float step = scale.x * 0.0625;
        return Octet(fma(nibbles(codes), vec4(step), vec4(scale.y)),
                     fma(nibbles(codes >> 16), vec4(step), vec4(scale.y)));
    }
    return loadOctet(words, row * octets + octet, type);
}
