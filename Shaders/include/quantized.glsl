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

// Where a row begins, in vectors of four words.
uint rowStart(uint row, uint groups, uint type) {
    return row * (type == Q8 ? 2u * groups + (groups + 7u) / 8u : groups + (groups + 3u) / 4u);
}

// Step and minimum of group `group` of the row that begins at `start`.
vec2 loadScale(Words words, uint start, uint group, uint groups, uint type) {
    if (type == Q8) {
        vec2 scales = unpackHalf2x16(loadWord(words, 4u * start + 8u * groups + group / 2u));
        return vec2(scales[group % 2u] * 0.0078125, 0.0);
    }
    return unpackHalf2x16(loadWord(words, 4u * start + 4u * groups + group)) * vec2(0.0625, 1.0);
}

Octet octetQ8(uvec2 codes, vec2 scale) { return Octet(signedBytes(codes.x) * scale.x, signedBytes(codes.y) * scale.x); }
Octet octetQ4(uint codes, vec2 scale) {
    return Octet(fma(nibbles(codes), vec4(scale.x), vec4(scale.y)),
                 fma(nibbles(codes >> 16), vec4(scale.x), vec4(scale.y)));
}

// Octet `octet` of row `row`, of rows of `octets` octets.
Octet loadRowOctet(Words words, uint row, uint octet, uint octets, uint type) {
    if (type < Q8) return loadOctet(words, row * octets + octet, type);
    uint groups = (octets + 3u) / 4u;
    uint start = rowStart(row, groups, type);
    vec2 scale = loadScale(words, start, octet / 4u, groups, type);
    if (type == Q8) return octetQ8(loadWordPair(words, 2u * start + octet), scale);
    return octetQ4(loadWord(words, 4u * start + octet), scale);
}

// A whole group, for lanes that want wide loads: four words of codes in q4, eight in q8.
struct Group {
    uvec4 low;
    uvec4 high;
    vec2 scale;
};

Group loadGroup(Words words, uint row, uint group, uint groups, uint type) {
    uint start = rowStart(row, groups, type);
    vec2 scale = loadScale(words, start, group, groups, type);
    if (type == Q4) return Group(loadWords(words, start + group), uvec4(0u), scale);
    return Group(loadWords(words, start + 2u * group), loadWords(words, start + 2u * group + 1u), scale);
}

// Octet 0 ... 3 of a group.
Octet octetOf(Group group, uint octet, uint type) {
    if (type == Q4) return octetQ4(group.low[octet], group.scale);
    uvec4 words = octet < 2u ? group.low : group.high;
    return octetQ8(octet % 2u == 0u ? words.xy : words.zw, group.scale);
}
