// All that kernels know of each format of quantised rows; `QuantizedFormat` is Swift's side. Needs storage.glsl.
//
// A row is groups of 32 codes, then an f16 scale (q4: scale and minimum) for each group, filled up to 16 bytes. It begins at
// a `start` that counts vectors of four words.

const uint Q8 = 3u;
const uint Q4 = 4u;

// Macros, so that constants of a pipeline may be made of them.
#define isPlain(type) ((type) < Q8)
#define isQuantized(type) ((type) >= Q8)
// Whether groups have a minimum, which code 0 stands for: behind the last column too.
#define hasMinimum(type) ((type) == Q4)
// Vectors of four words that hold the codes of a group.
#define vectorsOfGroup(type) ((type) == Q8 ? 2u : 1u)
// Octets that a vector of four words holds, also where rows are not quantised, of 16 bits.
#define octetsOfVector(type) ((type) == Q4 ? 4u : (type) == Q8 ? 2u : 1u)

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
// Bytes become floats in one instruction of many GPUs.
vec4 unsignedBytes(uint word) { return vec4(uvec4(word, word >> 8, word >> 16, word >> 24) & 255u); }

// Where a row begins.
uint rowStart(uint row, uint groups, uint type) {
    return row * (type == Q8 ? 2u * groups + (groups + 7u) / 8u : groups + (groups + 3u) / 4u);
}

// Scales. Each is a step and a minimum.

// Of group `group` of the row that begins at `start`.
vec2 loadScale(Words words, uint start, uint group, uint groups, uint type) {
    if (type == Q8) {
        vec2 scales = unpackHalf2x16(loadWord(words, 4u * start + 8u * groups + group / 2u));
        return vec2(scales[group % 2u] * 0.0078125, 0.0);
    }
    return unpackHalf2x16(loadWord(words, 4u * start + 4u * groups + group)) * vec2(0.0625, 1.0);
}

// The word that holds it. Sums are left in whole vectors: what is the same in all lanes, or for all rows, then is made once.
uint scaleWord(Words words, uint start, uint group, uint groups, uint type) {
    if (type == Q8) return words.at[start + 2u * groups + group / 8u][group / 2u % 4u];
    return words.at[start + groups + group / 4u][group % 4u];
}

vec2 scaleOfWord(uint word, uint group, uint type) {
    vec2 scales = unpackHalf2x16(word);
    return type == Q8 ? vec2(scales[group % 2u] * 0.0078125, 0.0) : scales * vec2(0.0625, 1.0);
}

// Octets.

Octet octetQ8(uvec2 codes, vec2 scale) { return Octet(signedBytes(codes.x) * scale.x, signedBytes(codes.y) * scale.x); }
Octet octetQ4(uint codes, vec2 scale) {
    return Octet(fma(nibbles(codes), vec4(scale.x), vec4(scale.y)),
                 fma(nibbles(codes >> 16), vec4(scale.x), vec4(scale.y)));
}

// Octet `octet` of row `row`, of rows of `octets` octets, quantised or not.
Octet loadRowOctet(Words words, uint row, uint octet, uint octets, uint type) {
    if (isPlain(type)) return loadOctet(words, row * octets + octet, type);
    uint groups = (octets + 3u) / 4u;
    uint start = rowStart(row, groups, type);
    vec2 scale = loadScale(words, start, octet / 4u, groups, type);
    if (type == Q8) return octetQ8(loadWordPair(words, 2u * start + octet), scale);
    return octetQ4(loadWord(words, 4u * start + octet), scale);
}

// The words that hold the codes of octet `octet` of the row that begins at `start`: two of four in q8, one in q4.
uvec4 codeWords(Words words, uint start, uint octet, uint type) {
    if (type == Q8) return words.at[start + octet / 2u];
    return uvec4(words.at[start + octet / 4u][octet % 4u]);
}

// What those are.
Octet octetOfWords(uvec4 words, uint octet, vec2 scale, uint type) {
    return type == Q8 ? octetQ8(octet % 2u == 0u ? words.xy : words.zw, scale) : octetQ4(words.x, scale);
}

// The same as signed bytes, where codes are whole numbers.
uvec2 bytesOfWords(uvec4 words, uint octet, uint type) {
    if (type == Q4) {
        uvec2 halves = uvec2(words.x & 0xffffu, words.x >> 16);
        halves = (halves | halves << 8) & 0x00ff00ffu;
        return (halves | halves << 4) & 0x0f0f0f0fu;
    }
    return octet % 2u == 0u ? words.xy : words.zw;
}

// Octet `octet` of those that a vector of codes holds.
Octet octetOfVector(uvec4 words, uint octet, vec2 scale, uint type) {
    if (type == Q4) return octetQ4(words[octet], scale);
    return octetQ8(octet == 0u ? words.xy : words.zw, scale);
}

// The codes of octet 0 ... 3 of a group, from the vector that holds them: the first or the second of q8.
Octet codesOfVector(uvec4 words, uint octet, uint type) {
    if (type == Q4) {
        vec4 even = unsignedBytes(words[octet] & 0x0f0f0f0fu);
        vec4 odd = unsignedBytes(words[octet] >> 4 & 0x0f0f0f0fu);
        return Octet(vec4(even.x, odd.x, even.y, odd.y), vec4(even.z, odd.z, even.w, odd.w));
    }
    return Octet(signedBytes(words[octet % 2u * 2u]), signedBytes(words[octet % 2u * 2u + 1u]));
}

// Element 0 ... 31 of a group of the row that begins at `start`.
float loadElement(Words words, uint start, uint group, uint element, uint groups, uint type) {
    vec2 scale = loadScale(words, start, group, groups, type);
    if (type == Q8) {
        uint word = loadWord(words, 4u * start + 8u * group + element / 4u);
        return float(int(word << (24u - 8u * (element % 4u))) >> 24) * scale.x;
    }
    uint word = loadWord(words, 4u * start + 4u * group + element / 8u);
    return fma(float(word >> (4u * (element % 8u)) & 15u), scale.x, scale.y);
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
