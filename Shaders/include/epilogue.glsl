// What happens to a product before it is stored, in this order, as EPILOGUE's bits say. A lane holds four neighbouring
// columns of a row, so a rotary pair (2i, 2i + 1) and a packed 16-bit word never cross lanes.

const uint EPILOGUE_BIAS = 1u;
const uint EPILOGUE_ROPE = 2u;      // rotate pairs of the first `rotatedColumns` columns (queries and keys)
const uint EPILOGUE_GELU = 4u;
const uint EPILOGUE_SCALE = 8u;     // LayerScale
const uint EPILOGUE_RESIDUAL = 16u;

void storeProduct(uint row, uint column, vec4 value) {
    if (row >= push.rows || column >= push.columns) return;
    uint quad = column / 4u;
    if ((EPILOGUE & EPILOGUE_BIAS) != 0u) value += push.bias.at[quad];
    if ((EPILOGUE & EPILOGUE_ROPE) != 0u) {
        if (column < push.rotatedColumns) {
            vec4 turn = push.rope.at[((row % push.sequence) * push.headSize + column % push.headSize) / 4u];
            value = vec4(value.x * turn.x - value.y * turn.y, value.y * turn.x + value.x * turn.y,
                         value.z * turn.z - value.w * turn.w, value.w * turn.z + value.z * turn.w);
        }
    }
    if ((EPILOGUE & EPILOGUE_GELU) != 0u) value = gelu(value);
    if ((EPILOGUE & EPILOGUE_SCALE) != 0u) value *= push.scale.at[quad];
    if ((EPILOGUE & EPILOGUE_RESIDUAL) != 0u) value += push.residual.at[row * push.residualStride * 2u + quad];

    uint index = row * push.resultStride * 2u + quad;
    if (RESULT_TYPE == F32) {
        // Pairs of words for both widths: SwiftShader cannot see one address as two types.
        push.result.at[2u * index] = floatBitsToUint(value.xy);
        push.result.at[2u * index + 1u] = floatBitsToUint(value.zw);
    } else {
        if (RESULT_TYPE == F16 && overflowsF16(value)) atomicAdd(push.saturations.value, 1u);
        push.result.at[index] = narrow(value, RESULT_TYPE);
    }
}
