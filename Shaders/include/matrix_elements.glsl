// What matrices are made of: f16, or bfloat16 with BFLOAT. Needs storage.glsl.

#ifdef BFLOAT
#define ELEMENT bfloat16_t
const uint ELEMENT_TYPE = BF16;
#else
#define ELEMENT float16_t
const uint ELEMENT_TYPE = F16;
#endif

// Unlike `narrow`, for numbers within f16's range, or NaN, which stays.
uvec4 packElements(Octet value) {
    if (ELEMENT_TYPE == F16) {
        return uvec4(packHalves(value.low.xy), packHalves(value.low.zw), packHalves(value.high.xy),
                     packHalves(value.high.zw));
    }
    return uvec4(narrow(value.low, BF16), narrow(value.high, BF16));
}
