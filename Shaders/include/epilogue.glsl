// What happens to a product before it is stored, in this order, as EPILOGUE's bits say. A lane holds four neighbouring
// columns of a row, so a rotary pair (2i, 2i + 1) and a packed 16-bit word never cross lanes.

const uint EPILOGUE_BIAS = 1u;
const uint EPILOGUE_ROPE = 2u;      // rotate pairs of the first ROTATED_COLUMNS columns (queries and keys)
const uint EPILOGUE_GELU = 4u;
const uint EPILOGUE_SCALE = 8u;     // LayerScale
const uint EPILOGUE_RESIDUAL = 16u;
const uint EPILOGUE_PLACES = 32u;   // rows are positions of a decoder's sequences
const uint EPILOGUE_SPLIT = 64u;    // columns from `splitColumn` on go to rows of `other`, as `places` say
const uint EPILOGUE_SWIGLU = 128u;  // silu(even column) * odd column, to half as many columns of `other`
// Once rows are complete (row_norm.glsl):
const uint EPILOGUE_LAYER_NORM = 256u;
const uint EPILOGUE_RMS_NORM = 512u;
const uint EPILOGUE_NORM = EPILOGUE_LAYER_NORM | EPILOGUE_RMS_NORM;
const uint EPILOGUE_QUANTIZE = 1024u;   // columns from `splitColumn` on go to `other` too, quantised; `matvec` alone does it

// Values in pairs and fours go to `other` word by word: both widths of a store must see one type (SwiftShader).
uint narrowPair(vec2 value) {
    if (OTHER_TYPE == F16 && overflowsF16(vec4(value, value))) atomicAdd(push.saturations.value, 1u);
    return narrow(vec4(value, value), OTHER_TYPE).x;
}

void storeOther(uint pair, vec2 value) {
    if (OTHER_TYPE == F32) {
        push.other.at[2u * pair] = floatBitsToUint(value.x);
        push.other.at[2u * pair + 1u] = floatBitsToUint(value.y);
    } else {
        push.other.at[pair] = narrowPair(value);
    }
}

// An octet of the result, once whoever made it has arrived.
Octet loadResult(uint index, uint type) {
    if (type == F32) {
        uint at = 4u * index;
        return Octet(uintBitsToFloat(uvec4(push.result.at[at], push.result.at[at + 1u])),
                     uintBitsToFloat(uvec4(push.result.at[at + 2u], push.result.at[at + 3u])));
    }
    uvec4 packed = uvec4(push.result.at[2u * index], push.result.at[2u * index + 1u]);
    if (type == F16) return Octet(widenF16(packed.xy), widenF16(packed.zw));
    return Octet(widenBF16(packed.xy), widenBF16(packed.zw));
}

vec2 silu(vec2 x) { return x / (1.0 + exp(-x)); }

void storeProduct(uint row, uint column, vec4 value) {
    if (row >= push.rows || column >= push.columns) return;
    uint quad = column / 4u;
    if ((EPILOGUE & EPILOGUE_BIAS) != 0u) value += push.bias.at[quad];
    uint position = row;
    if ((EPILOGUE & EPILOGUE_PLACES) != 0u) position = push.places.at[row].position;
    if ((EPILOGUE & EPILOGUE_ROPE) != 0u) {
        if (column < ROTATED_COLUMNS) {
            vec4 turn = push.rope.at[((position % push.sequence) * HEAD_SIZE + column % HEAD_SIZE) / 4u];
            value = vec4(value.x * turn.x - value.y * turn.y, value.y * turn.x + value.x * turn.y,
                         value.z * turn.z - value.w * turn.w, value.w * turn.z + value.z * turn.w);
        }
    }
    if ((EPILOGUE & EPILOGUE_GELU) != 0u) value = gelu(value);
    if ((EPILOGUE & EPILOGUE_SCALE) != 0u) value *= push.scale.at[quad];
    if ((EPILOGUE & EPILOGUE_RESIDUAL) != 0u) value += push.residual.at[row * (push.columns / 4u) + quad];

    if ((EPILOGUE & EPILOGUE_SWIGLU) != 0u) {
        storeOther(row * push.otherStride * 4u + quad, silu(value.xz) * value.yw);
        return;
    }
    if ((EPILOGUE & EPILOGUE_SPLIT) != 0u) {
        if (column >= push.splitColumn) {
            // Rows that fill up a bucket have no place there.
            uint target = push.places.at[row].row;
            if (target == NO_ROW) return;
            uint pair = target * push.otherStride * 4u + (column - push.splitColumn) / 2u;
            storeOther(pair, value.xy);
            storeOther(pair + 1u, value.zw);
            return;
        }
    }

    uint kept = (EPILOGUE & EPILOGUE_SPLIT) != 0u ? push.splitColumn : push.columns;
    uint index = row * (kept / 4u) + quad;
    if (RESULT_TYPE == F32) {
        // Pairs of words for both widths: SwiftShader cannot see one address as two types.
        push.result.at[2u * index] = floatBitsToUint(value.xy);
        push.result.at[2u * index + 1u] = floatBitsToUint(value.zw);
    } else {
        if (RESULT_TYPE == F16 && overflowsF16(value)) atomicAdd(push.saturations.value, 1u);
        push.result.at[index] = narrow(value, RESULT_TYPE);
    }
}
