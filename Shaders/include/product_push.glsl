// result = epilogue(a * transpose(b)), the interface of matmul and matvec.
//
//   a [rows, depth]   b [columns, depth]   result [rows, columns]
//
// `columns` and `depth` count padded elements; strides count octets.

layout(constant_id = 2) const uint A_TYPE = 0;
layout(constant_id = 3) const uint B_TYPE = 0;
layout(constant_id = 4) const uint RESULT_TYPE = 0;
layout(constant_id = 5) const uint EPILOGUE = 0;
layout(constant_id = 6) const uint OTHER_TYPE = 0;

layout(push_constant, std430) uniform Push {
    Words a;
    Words b;
    WordPairsOut result;
    Quads bias;         // [columns]
    Quads scale;        // [columns]
    Quads residual;     // [rows, columns], f32
    Quads rope;         // [sequence, headSize]: cosine and sine of each pair
    Counter saturations;
    Cursor cursor;      // of a decoder: rows are positions from `first` on
    UintsOut other;     // what does not go to `result`: a decoder's keys and values, or pairs combined by SwiGLU
    uint rows;
    uint columns;
    uint depth;
    uint aStride;
    uint resultStride;
    uint residualStride;
    uint sequence;
    uint headSize;
    uint rotatedColumns;
    uint splitColumn;   // columns from here on go to `other`
    uint otherStride;
} push;
