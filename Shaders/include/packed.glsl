// Octets as they lie in memory. Widening one is the first use of its load, for which a GPU then waits: kernels that load
// ahead of their arithmetic hold these, and widen them when they are wanted.
//
// Needs storage.glsl and quantized.glsl.

struct Packed {
    uvec4 low;
    uvec4 high;     // of f32; where rows are quantised, x is the word of the scale
};

// Of rows that are not quantised: elements 8 * index ... 8 * index + 7.
Packed loadPacked(Words words, uint index, uint type) {
    if (type == F32) return Packed(words.at[2u * index], words.at[2u * index + 1u]);
    return Packed(words.at[index], uvec4(0u));
}

Octet widen(Packed octet, uint type) {
    if (type == F32) return Octet(uintBitsToFloat(octet.low), uintBitsToFloat(octet.high));
    if (type == F16) return Octet(widenF16(octet.low.xy), widenF16(octet.low.zw));
    return Octet(widenBF16(octet.low.xy), widenBF16(octet.low.zw));
}

Packed keptIf(bool isKept, Packed octet) {
    return Packed(mix(uvec4(0u), octet.low, bvec4(isKept)), mix(uvec4(0u), octet.high, bvec4(isKept)));
}

// Where a row of `octets` octets begins: in octets, or in vectors of four words where it is quantised.
uint packedStart(uint row, uint octets, uint type) {
    return type < Q8 ? row * octets : rowStart(row, (octets + 3u) / 4u, type);
}

// The words that hold the scale of group `group` of the row that begins at `start`. Sums are left in whole vectors: what is
// the same in all lanes, or for all rows, then is made once.
uint packedScale(Words words, uint start, uint group, uint groups, uint type) {
    if (type == Q8) return words.at[start + 2u * groups + group / 8u][group / 2u % 4u];
    return words.at[start + groups + group / 4u][group % 4u];
}

// Step and minimum.
vec2 widenScale(uint held, uint group, uint type) {
    vec2 scales = unpackHalf2x16(held);
    return type == Q8 ? vec2(scales[group % 2u] * 0.0078125, 0.0) : scales * vec2(0.0625, 1.0);
}

// The words that hold the codes of octet `octet`: two of four in q8, one in q4.
Packed loadCodes(Words words, uint start, uint octet, uint type) {
    if (type == Q8) return Packed(words.at[start + octet / 2u], uvec4(0u));
    return Packed(uvec4(words.at[start + octet / 4u][octet % 4u]), uvec4(0u));
}

// Octet `octet` of the row that begins at `start`; in `high` the word of its scale.
Packed loadRowPacked(Words words, uint start, uint octet, uint octets, uint type) {
    if (type < Q8) return loadPacked(words, start + octet, type);
    Packed held = loadCodes(words, start, octet, type);
    held.high.x = packedScale(words, start, octet / 4u, (octets + 3u) / 4u, type);
    return held;
}

Octet widenRow(Packed held, uint octet, uint type) {
    if (type < Q8) return widen(held, type);
    vec2 scale = widenScale(held.high.x, octet / 4u, type);
    return type == Q8 ? octetQ8(octet % 2u == 0u ? held.low.xy : held.low.zw, scale) : octetQ4(held.low.x, scale);
}
