#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_NV_cooperative_matrix2 : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#extension GL_EXT_shader_16bit_storage : require
#ifdef BFLOAT
#extension GL_EXT_bfloat16 : require
#endif
// Matrix product with a fused epilogue on matrices of whole workgroups (VK_NV_cooperative_matrix2). The last workgroup of a
// row of tiles normalises its rows, where they are to be. Grid: column tiles x row tiles x parts of the depth.
//
// The driver stages tiles and overlaps loads with products; edges are its clamping, which reads zeros. A and B have the
// element type of the matrices, or B is quantised and widened element by element as it is loaded.

#ifdef BFLOAT
#define NEAREST true
#else
#define HALVES
#endif
#include "storage.glsl"
#include "format.glsl"
#include "matrix_elements.glsl"
#include "gelu.glsl"
#include "product_constants.glsl"
#include "places.glsl"
#include "product_push.glsl"
#include "epilogue.glsl"

layout(constant_id = 11) const uint TILE_COLUMNS = 128;
layout(constant_id = 12) const uint TILE_DEPTH = 64;
layout(constant_id = 13) const uint SLAB_ROWS = 16;     // of the sums that pass through shared memory at a time
layout(constant_id = 14) const uint PARTS = 1;

#include "product_parts.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Elements {
    ELEMENT at[];
};
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Groups {
    uvec4 at[];
};

// A decoding function is given a place among the groups of quantised weights, and finds the rest itself: a group's scale does
// not lie beside its codes.
ELEMENT decode(const in Groups from, const in uint place[2], const in uint inside[2]) {
    uint groups = (push.depth + 31u) / 32u;
    uint start = rowStart(place[0], groups, B_TYPE);
    return ELEMENT(loadElement(push.b, start, place[1], inside[1], groups, B_TYPE));
}

const uint QUADS = TILE_COLUMNS / 4u;
shared float slab[SLAB_ROWS * TILE_COLUMNS];

// The driver calls this for each element: those of a slab of rows go to shared memory, where the epilogue finds neighbours.
float keepSlab(const in uint row, const in uint column, const in float value, const in uint first) {
    if (row >= first && row < first + SLAB_ROWS) slab[(row - first) * TILE_COLUMNS + column] = value;
    return value;
}

void park(uint place, float value) { slab[place] = value; }
float parked(uint place) { return slab[place]; }

#include "tile_norm_workgroup.glsl"

void main() {
    uint firstRow = gl_WorkGroupID.y * TILE_ROWS;
    uint firstColumn = gl_WorkGroupID.x * TILE_COLUMNS;

    tensorLayoutNV<2, gl_CooperativeMatrixClampModeConstantNV> layoutA =
        createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV);
    layoutA = setTensorLayoutDimensionNV(layoutA, push.rows, push.depth);
    layoutA = setTensorLayoutStrideNV(layoutA, push.depth, 1u);
    tensorLayoutNV<2, gl_CooperativeMatrixClampModeConstantNV> layoutB =
        createTensorLayoutNV(2, gl_CooperativeMatrixClampModeConstantNV);
    if (isQuantized(B_TYPE)) layoutB = setTensorLayoutBlockSizeNV(layoutB, 1u, 32u);
    layoutB = setTensorLayoutDimensionNV(layoutB, push.columns, push.depth);
    if (isPlain(B_TYPE)) layoutB = setTensorLayoutStrideNV(layoutB, push.depth, 1u);
    tensorViewNV<2, false, 1, 0> transposed = createTensorViewNV(2, false, 1, 0);

    coopmat<float, gl_ScopeWorkgroup, TILE_ROWS, TILE_COLUMNS, gl_MatrixUseAccumulator> sums =
        coopmat<float, gl_ScopeWorkgroup, TILE_ROWS, TILE_COLUMNS, gl_MatrixUseAccumulator>(0.0);
    uvec2 depth = depthOfPart(TILE_DEPTH / 8u) * 8u;
    for (uint k = depth.x; k < depth.y; k += TILE_DEPTH) {
        coopmat<ELEMENT, gl_ScopeWorkgroup, TILE_ROWS, TILE_DEPTH, gl_MatrixUseA> a;
        coopmat<ELEMENT, gl_ScopeWorkgroup, TILE_DEPTH, TILE_COLUMNS, gl_MatrixUseB> b;
        coopMatLoadTensorNV(a, Elements(push.a).at, 0, sliceTensorLayoutNV(layoutA, firstRow, TILE_ROWS, k, TILE_DEPTH));
        if (isQuantized(B_TYPE)) {
            coopMatLoadTensorNV(b, Groups(push.b).at, 0,
                                sliceTensorLayoutNV(layoutB, firstColumn, TILE_COLUMNS, k, TILE_DEPTH), transposed,
                                decode);
        } else {
            coopMatLoadTensorNV(b, Elements(push.b).at, 0,
                                sliceTensorLayoutNV(layoutB, firstColumn, TILE_COLUMNS, k, TILE_DEPTH), transposed);
        }
        sums = coopMatMulAdd(a, b, sums);
    }

    for (uint first = 0u; first < TILE_ROWS; first += SLAB_ROWS) {
        barrier();
        coopMatPerElementNV(sums, sums, keepSlab, first);
        barrier();
        for (uint n = gl_LocalInvocationIndex; n < SLAB_ROWS * QUADS; n += LANES) {
            uint at = 4u * n;
            storeSum(firstRow + first + n / QUADS, firstColumn + n % QUADS * 4u,
                     vec4(slab[at], slab[at + 1u], slab[at + 2u], slab[at + 3u]));
        }
    }
    if (completesTile()) normalizeTile(TILE_COLUMNS);
}
