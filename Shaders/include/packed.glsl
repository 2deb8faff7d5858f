// Octets as they lie in memory. Widening one is the first use of its load, for which a GPU then waits: kernels that load
// ahead of their arithmetic hold these, and widen them when they are wanted.
//
// Needs storage.glsl and format.glsl.

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
    return isPlain(type) ? row * octets : rowStart(row, (octets + 3u) / 4u, type);
}

// Octet `octet` of the row that begins at `start`; in `high` the word of its scale.
Packed loadRowPacked(Words words, uint start, uint octet, uint octets, uint type) {
    if (isPlain(type)) return loadPacked(words, start + octet, type);
    Packed held = Packed(codeWords(words, start, octet, type), uvec4(0u));
    held.high.x = scaleWord(words, start, octet / 4u, (octets + 3u) / 4u, type);
    return held;
}

Octet widenRow(Packed held, uint octet, uint type) {
    if (isPlain(type)) return widen(held, type);
    return octetOfWords(held.low, octet, scaleOfWord(held.high.x, octet / 4u, type), type);
}
