// result = epilogue(a * transpose(b)), the interface of matmul and matvec.
//
//   a [rows, depth]   b [columns, depth]   result [rows, columns]
//
// `columns` and `depth` count padded elements, and rows lie behind one another; `otherStride` counts octets.

layout(constant_id = 2) const uint A_TYPE = 0;
layout(constant_id = 3) const uint B_TYPE = 0;
layout(constant_id = 4) const uint RESULT_TYPE = 0;
layout(constant_id = 5) const uint EPILOGUE = 0;
layout(constant_id = 6) const uint OTHER_TYPE = 0;
layout(constant_id = 7) const uint NORM_COLUMNS = 8;    // true columns, without padding
layout(constant_id = 8) const float NORM_EPSILON = 0.0;
layout(constant_id = 9) const uint HEAD_SIZE = 8;
layout(constant_id = 10) const uint ROTATED_COLUMNS = 0;

layout(push_constant, std430) uniform Push {
    Words a;
    Words b;
    SharedPairs result;
    Quads bias;         // [columns]
    Quads scale;        // [columns]
    Quads residual;     // [rows, columns], f32
    Quads rope;         // [sequence, HEAD_SIZE]: cosine and sine of each pair
    Counter saturations;
    Places places;      // of a decoder: where each row stands
    UintsOut other;     // beside `result`: a decoder's keys and values, pairs combined by SwiGLU, or normalised rows
    Quads norm;         // [1 or 2, columns]: weights of the norm, and biases
    Arrivals arrivals;  // of workgroups: a counter for each row of tiles, then one for each tile
    SharedQuads parts;  // [parts * rows, columns]: sums over parts of the depth (product_parts.glsl)
    uint rows;
    uint columns;
    uint depth;
    uint sequence;
    uint splitColumn;   // columns from here on go to `other`
    uint otherStride;
} push;
