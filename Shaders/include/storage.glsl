// Tensors in device memory.
//
// A tensor is rows of octets: its last dimension is padded with zeros to a multiple of 8 elements, so that every row
// starts on 16 bytes and is read as whole 32-bit words in vectors. f16 and bf16 lie in those words in pairs, which
// spares 16-bit storage and arithmetic; all arithmetic is f32. Every kernel writes zeros to the padding it produces, but
// for the pixels that resize_second makes: patch_embed, their only reader, never looks at padding.

#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#ifdef WIDE
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#endif

const uint F32 = 0u;
const uint F16 = 1u;
const uint BF16 = 2u;
// Those of quantised rows are in format.glsl.

const float F16_LARGEST = 65504.0;

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Words {
    uvec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) writeonly buffer WordsOut {
    uvec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 8) writeonly buffer WordPairsOut {
    uvec2 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Quads {
    vec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) writeonly buffer QuadsOut {
    vec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Floats {
    float at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Uints {
    uint at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) writeonly buffer UintsOut {
    uint at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) buffer Counter {
    uint value;
};


// What a workgroup makes and another goes on with in the same dispatch, and how they count themselves: arrivals.glsl.
layout(buffer_reference, std430, buffer_reference_align = 8) coherent buffer SharedPairs {
    uvec2 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) coherent buffer SharedQuads {
    vec4 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 4) coherent buffer Arrivals {
    uint count[];
};

#ifdef WIDE
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer WidePairs {
    u64vec2 at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer WideQuads {
    u64vec4 at[];
};
#endif

struct Octet {
    vec4 low;
    vec4 high;
};

Octet zeroOctet() { return Octet(vec4(0.0), vec4(0.0)); }

vec4 widenF16(uvec2 words) { return vec4(unpackHalf2x16(words.x), unpackHalf2x16(words.y)); }

vec4 widenBF16(uvec2 words) {
    return uintBitsToFloat(uvec4(words.x << 16, words.x & 0xffff0000u, words.y << 16, words.y & 0xffff0000u));
}

// CPU drivers load lane by lane and component by component, whatever its width: with WIDE half as many are as wide again.
#ifdef WIDE
uvec4 loadWords(Words words, uint index) {
    u64vec2 pairs = WidePairs(words).at[index];
    return uvec4(unpackUint2x32(pairs.x), unpackUint2x32(pairs.y));
}
Octet loadFloats(Words words, uint index) {
    u64vec4 pairs = WideQuads(words).at[index];
    return Octet(uintBitsToFloat(uvec4(unpackUint2x32(pairs.x), unpackUint2x32(pairs.y))),
                 uintBitsToFloat(uvec4(unpackUint2x32(pairs.z), unpackUint2x32(pairs.w))));
}
#else
uvec4 loadWords(Words words, uint index) { return words.at[index]; }
Octet loadFloats(Words words, uint index) {
    return Octet(uintBitsToFloat(words.at[2u * index]), uintBitsToFloat(words.at[2u * index + 1u]));
}
#endif

// Elements 8 * index ... 8 * index + 7.
Octet loadOctet(Words words, uint index, uint type) {
    if (type == F32) return loadFloats(words, index);
    uvec4 packed = loadWords(words, index);
    if (type == F16) return Octet(widenF16(packed.xy), widenF16(packed.zw));
    return Octet(widenBF16(packed.xy), widenBF16(packed.zw));
}

// Two halves in a word, rounded to nearest, ties to even; NaN stays NaN, and what f16 cannot hold is held by the caller.
//
// packHalf2x16 may round as it likes, and Mesa's driver for AMD truncates (RADV 26.2), which doubles the error of all that is
// stored and gives it one direction. So modules that have f16 convert by it (HALVES), other kernels that run on GPUs round
// first (NEAREST, a condition that is known when the pipeline is made); CPU drivers round to nearest by themselves.
#ifndef NEAREST
#define NEAREST false
#endif
#ifdef HALVES
uint packHalves(vec2 value) { return packFloat2x16(f16vec2(value)); }
#else
uint packHalves(vec2 value) {
    if (NEAREST) {
        uvec2 bits = floatBitsToUint(value);
        uvec2 rounded = (bits + 0xfffu + ((bits >> 13) & 1u)) & ~0x1fffu;
        value = mix(uintBitsToFloat(rounded), value, isnan(value));
    }
    return packHalf2x16(value);
}
#endif

// Round to nearest, ties to even; NaN stays NaN.
uint narrowBF16(float value) {
    uint bits = floatBitsToUint(value);
    if (isnan(value)) return 0x7fc0u;
    return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}

uvec2 narrow(vec4 value, uint type) {
    if (type == F16) {
        vec4 held = clamp(value, vec4(-F16_LARGEST), vec4(F16_LARGEST));
        // Of NaN clamp may make any number.
        held = mix(held, value, isnan(value));
        return uvec2(packHalves(held.xy), packHalves(held.zw));
    }
    return uvec2(narrowBF16(value.x) | (narrowBF16(value.y) << 16), narrowBF16(value.z) | (narrowBF16(value.w) << 16));
}

bool overflowsF16(vec4 value) { return any(greaterThan(abs(value), vec4(F16_LARGEST))); }

void storeOctet(WordsOut words, uint index, Octet value, uint type) {
    if (type == F32) {
        words.at[2u * index] = floatBitsToUint(value.low);
        words.at[2u * index + 1u] = floatBitsToUint(value.high);
    } else {
        words.at[index] = uvec4(narrow(value.low, type), narrow(value.high, type));
    }
}
