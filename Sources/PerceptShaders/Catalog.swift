/// Every module that Percept ships: one row, one `.comp` file, one compiler call.
///
/// `shaderpack` compiles the rows when the package is built, the runtime finds pipelines by them, and tests compare
/// each row with the interface and the capabilities that its SPIR-V really declares.
package enum Catalog {
    package static let all: [Kernel] = [
        matmul, matmulWide, matmulUniform, matmulTiled, matmulDot, matmulMatrix, matmulMatrixBF16,
        matmulWorkgroupMatrix,
        matmulWorkgroupMatrixBF16, matmulNaive, matvec, matvecWide, matvecAhead, patchEmbed, patchEmbedTiled,
        layerNorm, rmsNorm, attention, attentionWide, attentionUniform, attentionShared, attentionSplit,
        attentionMatrix,
        attentionMatrixBF16, attentionPool, attentionCached, attentionCachedWide, attentionCachedShared,
        attentionCachedSplit,
        attentionMatrixCached, attentionMatrixCachedBF16,
        attentionWorkgroupMatrix, attentionWorkgroupMatrixBF16, attentionWorkgroupMatrixCached,
        attentionWorkgroupMatrixCachedBF16, attentionDecode, quantizeCache, spliceEmbedding, gridPool,
        lastRow, sample, draw, drawWide, drawAhead,
        interpolatePositions, tokenEmbedding, eosPool, meanPool, l2Normalize, softmax,
        unpackPixels, resizeFirst, resizeSecond, resizeOnce, empty, roofCopy,
        roofFMA,
    ]

    // Products. `matmul` spreads A over the subgroup and shuffles it, `matmulTiled` shares tiles of A and B. The wide rows
    // load through 64-bit integers, for drivers that load lane by lane; the uniform ones read A, or keys and values, at
    // one address in all lanes, for drivers that then load once. Those ahead, for GPUs, load more before they go on.

    private static let epilogueAddresses: [PushField] = [
        .address("a"), .address("b"), .address("result"), .address("bias"), .address("scale"),
        .address("residual"), .address("rope"), .address("saturations"), .address("cursor"), .address("other"),
        .address("norm"), .address("arrivals"), .address("parts"),
    ]
    private static let productPush: [PushField] =
        epilogueAddresses + [
            .uint("rows"), .uint("columns"), .uint("depth"), .uint("sequence"), .uint("splitColumn"),
            .uint("otherStride"),
        ]
    private static let productConstants = [
        "LANES", "TILE_ROWS", "A_TYPE", "B_TYPE", "RESULT_TYPE", "EPILOGUE", "OTHER_TYPE", "NORM_COLUMNS",
        "NORM_EPSILON", "HEAD_SIZE", "ROTATED_COLUMNS",
    ]

    private static let tiledConstants = ["TILE_COLUMNS", "THREAD_QUADS"]
    /// The last constant of products that can make their depth in parts.
    package static let parts = "PARTS"

    package static let matmul = Kernel(
        name: "matmul", file: "matmul.comp", defines: [], constants: productConstants, push: productPush,
        requires: [.subgroupShuffle])
    package static let matmulWide = Kernel(
        name: "matmul_wide", file: "matmul.comp", defines: ["WIDE"], constants: productConstants, push: productPush,
        requires: [.subgroupShuffle, .int64])
    package static let matmulUniform = Kernel(
        name: "matmul_uniform", file: "matmul.comp", defines: ["UNIFORM", "WIDE"], constants: productConstants,
        push: productPush, requires: [.subgroupShuffle, .int64])
    package static let matmulTiled = Kernel(
        name: "matmul_tiled", file: "matmul.comp", defines: ["TILED"],
        constants: productConstants + tiledConstants + [parts],
        push: productPush, requires: [])
    /// Of quantised weights.
    package static let matmulDot = Kernel(
        name: "matmul_dot", file: "matmul_dot.comp", defines: [], constants: productConstants, push: productPush,
        requires: [.integerDot], isPrebuilt: true)
    private static let matrixConstants = [
        "TILE_COLUMNS", "TILE_DEPTH", "SUBGROUP_ROWS", "SUBGROUP_COLUMNS", "MATRIX_ROWS", "MATRIX_COLUMNS",
        "MATRIX_DEPTH", parts,
    ]
    package static let matmulMatrix = Kernel(
        name: "matmul_matrix", file: "matmul_matrix.comp", defines: [], constants: productConstants + matrixConstants,
        push: productPush, requires: [.cooperativeMatrix], isPrebuilt: true)
    package static let matmulMatrixBF16 = Kernel(
        name: "matmul_matrix_bf16", file: "matmul_matrix.comp", defines: ["BFLOAT"],
        constants: productConstants + matrixConstants, push: productPush, requires: [.bfloat16Matrix],
        isPrebuilt: true, isProven: false)
    private static let workgroupMatrixConstants = ["TILE_COLUMNS", "TILE_DEPTH", "SLAB_ROWS", parts]
    package static let matmulWorkgroupMatrix = Kernel(
        name: "matmul_workgroup_matrix", file: "matmul_workgroup_matrix.comp", defines: [],
        constants: productConstants + workgroupMatrixConstants, push: productPush, requires: [.workgroupMatrix],
        isPrebuilt: true, isProven: false)
    package static let matmulWorkgroupMatrixBF16 = Kernel(
        name: "matmul_workgroup_matrix_bf16", file: "matmul_workgroup_matrix.comp", defines: ["BFLOAT"],
        constants: productConstants + workgroupMatrixConstants, push: productPush,
        requires: [.workgroupMatrix, .bfloat16Matrix], isPrebuilt: true, isProven: false)
    /// Runs in no model: the baseline of benchmarks.
    package static let matmulNaive = Kernel(
        name: "matmul_naive", file: "matmul_naive.comp", defines: [], constants: ["LANES", "A_TYPE", "B_TYPE"],
        push: [.address("a"), .address("b"), .address("result"), .uint("columns"), .uint("octets")], requires: [])
    package static let matvec = Kernel(
        name: "matvec", file: "matvec.comp", defines: [], constants: productConstants, push: productPush,
        requires: [.subgroupArithmetic])

    package static let matvecWide = Kernel(
        name: "matvec_wide", file: "matvec.comp", defines: ["WIDE"], constants: productConstants, push: productPush,
        requires: [.subgroupArithmetic, .int64])
    package static let matvecAhead = Kernel(
        name: "matvec_ahead", file: "matvec.comp", defines: ["AHEAD"], constants: productConstants, push: productPush,
        requires: [.subgroupArithmetic])

    private static let patchPush: [PushField] =
        [
            .address("pixels"), .address("b"), .address("result"), .address("classToken"), .address("positions"),
        ] + [
            .uint("rows"), .uint("columns"), .uint("depth"), .uint("resultStride"), .uint("sequence"),
            .uint("classRows"), .uint("gridWidth"), .uint("pixelRows"), .uint("pixelStride"),
        ]
    private static let patchConstants = ["LANES", "TILE_ROWS", "B_TYPE", "PATCH"]
    package static let patchEmbed = Kernel(
        name: "patch_embed", file: "patch_embed.comp", defines: [], constants: patchConstants, push: patchPush,
        requires: [.subgroupShuffle])
    package static let patchEmbedTiled = Kernel(
        name: "patch_embed_tiled", file: "patch_embed.comp", defines: ["TILED"],
        constants: patchConstants + tiledConstants, push: patchPush, requires: [])

    // Attention.

    private static let attentionSizes: [PushField] = [
        .uint("queries"), .uint("keys"), .uint("queryStride"), .uint("keyStride"), .uint("resultStride"),
        .float("scale"),
    ]
    private static let attentionPush: [PushField] =
        [.address("q"), .address("k"), .address("v"), .address("result")] + attentionSizes
    private static let attentionConstants = ["LANES", "HEAD_OCTETS", "Q_TYPE", "KV_TYPE", "RESULT_TYPE", "CAUSAL"]
    package static let attention = Kernel(
        name: "attention", file: "attention.comp", defines: [], constants: attentionConstants,
        push: attentionPush, requires: [.subgroupShuffle])
    package static let attentionWide = Kernel(
        name: "attention_wide", file: "attention.comp", defines: ["WIDE"], constants: attentionConstants,
        push: attentionPush, requires: [.subgroupShuffle, .int64])
    package static let attentionUniform = Kernel(
        name: "attention_uniform", file: "attention.comp", defines: ["UNIFORM"], constants: attentionConstants,
        push: attentionPush, requires: [])
    package static let attentionShared = Kernel(
        name: "attention_shared", file: "attention.comp", defines: ["SHARED"], constants: attentionConstants,
        push: attentionPush, requires: [])
    /// Lanes that share a head, in `attention_split`.
    package static let split = "SPLIT"
    package static let attentionSplit = Kernel(
        name: "attention_split", file: "attention_split.comp", defines: [], constants: attentionConstants + [split],
        push: attentionPush, requires: [.subgroupShuffle])
    private static let cachedPush: [PushField] =
        [.address("q"), .address("cache"), .address("result"), .address("cursor")] + attentionSizes + [.uint("group")]
    package static let attentionCached = Kernel(
        name: "attention_cached", file: "attention.comp", defines: ["CACHED"], constants: attentionConstants,
        push: cachedPush, requires: [.subgroupShuffle])
    package static let attentionCachedWide = Kernel(
        name: "attention_cached_wide", file: "attention.comp", defines: ["CACHED", "WIDE"],
        constants: attentionConstants, push: cachedPush, requires: [.subgroupShuffle, .int64])
    package static let attentionCachedShared = Kernel(
        name: "attention_cached_shared", file: "attention.comp", defines: ["CACHED", "SHARED"],
        constants: attentionConstants, push: cachedPush, requires: [])
    package static let attentionCachedSplit = Kernel(
        name: "attention_cached_split", file: "attention_split.comp", defines: ["CACHED"],
        constants: attentionConstants + [split], push: cachedPush, requires: [.subgroupShuffle])
    private static let matrixCachedPush: [PushField] =
        attentionPush[..<4] + [.address("cursor")] + attentionPush[4...] + [.uint("group")]
    private static let attentionMatrixConstants = [
        "LANES", "HEAD_OCTETS", "RESULT_TYPE", "CAUSAL", "SUBGROUPS", "BLOCK", "MATRIX_ROWS", "MATRIX_COLUMNS",
        "MATRIX_DEPTH", "MATRICES_DOWN",
    ]
    package static let attentionMatrix = Kernel(
        name: "attention_matrix", file: "attention_matrix.comp", defines: [], constants: attentionMatrixConstants,
        push: attentionPush, requires: [.cooperativeMatrix, .subgroupShuffle, .subgroupVote], isPrebuilt: true)
    package static let attentionMatrixBF16 = Kernel(
        name: "attention_matrix_bf16", file: "attention_matrix.comp", defines: ["BFLOAT"],
        constants: attentionMatrixConstants, push: attentionPush,
        requires: [.bfloat16Matrix, .subgroupShuffle, .subgroupVote],
        isPrebuilt: true, isProven: false)
    package static let attentionMatrixCached = Kernel(
        name: "attention_matrix_cached", file: "attention_matrix.comp", defines: ["CACHED"],
        constants: attentionMatrixConstants, push: matrixCachedPush,
        requires: [.cooperativeMatrix, .subgroupShuffle, .subgroupVote],
        isPrebuilt: true)
    package static let attentionMatrixCachedBF16 = Kernel(
        name: "attention_matrix_cached_bf16", file: "attention_matrix.comp", defines: ["CACHED", "BFLOAT"],
        constants: attentionMatrixConstants, push: matrixCachedPush,
        requires: [.bfloat16Matrix, .subgroupShuffle, .subgroupVote],
        isPrebuilt: true, isProven: false)
    private static let attentionWorkgroupMatrixConstants = [
        "LANES", "HEAD_OCTETS", "RESULT_TYPE", "CAUSAL", "QUERIES", "BLOCK", "WIDTH", "SLAB_ROWS", "TOKENS",
    ]
    package static let attentionWorkgroupMatrix = Kernel(
        name: "attention_workgroup_matrix", file: "attention_workgroup_matrix.comp", defines: [],
        constants: attentionWorkgroupMatrixConstants, push: attentionPush, requires: [.workgroupMatrix],
        isPrebuilt: true, isProven: false)
    package static let attentionWorkgroupMatrixBF16 = Kernel(
        name: "attention_workgroup_matrix_bf16", file: "attention_workgroup_matrix.comp", defines: ["BFLOAT"],
        constants: attentionWorkgroupMatrixConstants, push: attentionPush,
        requires: [.workgroupMatrix, .bfloat16Matrix], isPrebuilt: true, isProven: false)
    package static let attentionWorkgroupMatrixCached = Kernel(
        name: "attention_workgroup_matrix_cached", file: "attention_workgroup_matrix.comp", defines: ["CACHED"],
        constants: attentionWorkgroupMatrixConstants, push: matrixCachedPush, requires: [.workgroupMatrix],
        isPrebuilt: true, isProven: false)
    package static let attentionWorkgroupMatrixCachedBF16 = Kernel(
        name: "attention_workgroup_matrix_cached_bf16", file: "attention_workgroup_matrix.comp",
        defines: ["CACHED", "BFLOAT"], constants: attentionWorkgroupMatrixConstants, push: matrixCachedPush,
        requires: [.workgroupMatrix, .bfloat16Matrix], isPrebuilt: true, isProven: false)
    package static let attentionDecode = Kernel(
        name: "attention_decode", file: "attention_decode.comp", defines: [],
        constants: ["LANES", "HEAD_OCTETS", "Q_TYPE", "KV_TYPE", "GROUP", "RESULT_TYPE"],
        push: [
            .address("q"), .address("cache"), .address("parts"), .address("result"), .address("arrivals"),
            .address("cursor"), .uint("positions"), .uint("keyStride"), .uint("mostParts"), .uint("kvHeads"),
            .float("scale"),
        ], requires: [.subgroupShuffle, .subgroupArithmetic])
    package static let quantizeCache = Kernel(
        name: "quantize_cache", file: "quantize_cache.comp", defines: [], constants: ["LANES", "X_TYPE"],
        push: [
            .address("x"), .address("result"), .address("saturations"), .address("cursor"), .uint("octets"),
            .uint("xStride"),
        ], requires: [])
    package static let attentionPool = Kernel(
        name: "attention_pool", file: "attention_pool.comp", defines: [],
        constants: ["LANES", "HEAD_OCTETS", "Q_TYPE", "KV_TYPE", "RESULT_TYPE", "SUBGROUPS"],
        push: [
            .address("q"), .address("k"), .address("v"), .address("result"), .uint("keys"), .uint("keyStride"),
            .uint("resultStride"), .float("scale"),
        ], requires: [.subgroupArithmetic])

    // Rows.

    package static let layerNorm = Kernel(
        name: "layer_norm", file: "layer_norm.comp", defines: [], constants: ["LANES", "RESULT_TYPE", "HELD"],
        push: [
            .address("x"), .address("weight"), .address("bias"), .address("result"), .address("saturations"),
            .uint("rows"), .uint("columns"), .uint("stride"), .float("epsilon"),
        ], requires: [.subgroupArithmetic])
    package static let rmsNorm = Kernel(
        name: "rms_norm", file: "rms_norm.comp", defines: [], constants: ["LANES", "RESULT_TYPE", "HELD"],
        push: [
            .address("x"), .address("weight"), .address("result"), .address("saturations"), .uint("rows"),
            .uint("columns"), .uint("stride"), .float("epsilon"),
        ], requires: [.subgroupArithmetic])
    package static let l2Normalize = Kernel(
        name: "l2_normalize", file: "l2_normalize.comp", defines: [], constants: ["LANES"],
        push: [.address("x"), .address("result"), .uint("rows"), .uint("stride")], requires: [.subgroupArithmetic])
    package static let softmax = Kernel(
        name: "softmax", file: "softmax.comp", defines: [], constants: ["LANES"],
        push: [
            .address("x"), .address("result"), .uint("rows"), .uint("columns"), .uint("stride"), .float("scale"),
        ], requires: [.subgroupArithmetic])
    package static let meanPool = Kernel(
        name: "mean_pool", file: "mean_pool.comp", defines: [], constants: ["LANES"],
        push: [
            .address("x"), .address("result"), .uint("sequence"), .uint("first"), .uint("count"), .uint("stride"),
        ], requires: [])

    // Tokens and positions.

    package static let interpolatePositions = Kernel(
        name: "interpolate_positions", file: "interpolate_positions.comp", defines: [], constants: ["LANES"],
        push: [
            .address("positions"), .address("result"), .uint("stride"), .uint("classRows"), .uint("nativeRows"),
            .uint("nativeColumns"), .uint("gridRows"), .uint("gridColumns"),
        ], requires: [])
    package static let tokenEmbedding = Kernel(
        name: "token_embedding", file: "token_embedding.comp", defines: [], constants: ["LANES", "TABLE_TYPE"],
        push: [
            .address("ids"), .address("table"), .address("positions"), .address("result"), .uint("sequence"),
            .uint("idStride"), .uint("stride"), .uint("vocabulary"),
        ], requires: [])
    package static let eosPool = Kernel(
        name: "eos_pool", file: "eos_pool.comp", defines: [], constants: ["LANES"],
        push: [
            .address("ids"), .address("x"), .address("result"), .uint("sequence"), .uint("idStride"),
            .uint("stride"),
        ], requires: [])

    // Decoding.

    package static let spliceEmbedding = Kernel(
        name: "splice_embedding", file: "splice_embedding.comp", defines: [],
        constants: ["LANES", "TABLE_TYPE", "MEDIA_TYPE", "DECODING"],
        push: [
            .address("ids"), .address("table"), .address("media"), .address("result"), .address("cursor"),
            .uint("stride"), .uint("width"), .uint("vocabulary"), .uint("mediaRows"),
        ], requires: [])
    package static let gridPool = Kernel(
        name: "grid_pool", file: "grid_pool.comp", defines: [], constants: ["LANES", "X_TYPE", "RESULT_TYPE"],
        push: [
            .address("x"), .address("result"), .address("saturations"), .address("cursor"), .uint("skipped"),
            .uint("side"), .uint("ratio"), .uint("stride"), .uint("rows"),
        ], requires: [])
    package static let lastRow = Kernel(
        name: "last_row", file: "last_row.comp", defines: [], constants: ["LANES"],
        push: [
            .address("x"), .address("result"), .address("cursor"), .address("next"), .uint("rows"), .uint("stride"),
        ], requires: [])
    package static let sample = Kernel(
        name: "sample", file: "sample.comp", defines: [], constants: ["LANES"],
        push: [
            .address("logits"), .address("settings"), .address("cursor"), .address("tokens"), .uint("vocabulary"),
            .uint("capacity"),
        ], requires: [])
    private static let drawConstants = ["LANES", "PART_COLUMNS", "A_TYPE", "B_TYPE"]
    private static let drawPush: [PushField] = [
        .address("a"), .address("b"), .address("logits"), .address("bests"), .address("arrivals"),
        .address("settings"), .address("cursor"), .address("tokens"), .uint("columns"), .uint("depth"),
        .uint("parts"), .uint("vocabulary"), .uint("capacity"),
    ]
    package static let draw = Kernel(
        name: "draw", file: "draw.comp", defines: [], constants: drawConstants, push: drawPush,
        requires: [.subgroupArithmetic])
    package static let drawWide = Kernel(
        name: "draw_wide", file: "draw.comp", defines: ["WIDE"], constants: drawConstants, push: drawPush,
        requires: [.subgroupArithmetic, .int64])
    package static let drawAhead = Kernel(
        name: "draw_ahead", file: "draw.comp", defines: ["AHEAD"], constants: drawConstants, push: drawPush,
        requires: [.subgroupArithmetic])

    // Pixels. What changes from image to image is read from a header in device memory, so that these are
    // recorded once for all sizes.

    private static let pixelPush: [PushField] = [.address("header"), .address("source"), .address("result")]
    package static let unpackPixels = Kernel(
        name: "unpack_pixels", file: "unpack_pixels.comp", defines: [], constants: ["LANES", "LAYOUTS"],
        push: pixelPush, requires: [])
    package static let resizeFirst = Kernel(
        name: "resize_first", file: "resize_first.comp", defines: [], constants: ["LANES"],
        push: pixelPush, requires: [])
    package static let resizeSecond = Kernel(
        name: "resize_second", file: "resize_second.comp", defines: [], constants: ["LANES"],
        push: pixelPush + [.uint("pixelStride"), .uint("pixelRows")], requires: [])

    package static let resizeOnce = Kernel(
        name: "resize_once", file: "resize_once.comp", defines: [], constants: ["LANES"],
        push: pixelPush + [.uint("pixelStride"), .uint("pixelRows")], requires: [])

    // Measurement.

    /// Stands in for every other kernel where the host's share of a run is measured.
    package static let empty = Kernel(
        name: "empty", file: "empty.comp", defines: [], constants: ["LANES"], push: [], requires: [])
    package static let roofCopy = Kernel(
        name: "roof_copy", file: "roof_copy.comp", defines: [], constants: ["LANES"],
        push: [.address("source"), .address("result"), .uint("octets"), .uint("part")], requires: [])
    package static let roofFMA = Kernel(
        name: "roof_fma", file: "roof_fma.comp", defines: [], constants: ["LANES"],
        push: [.address("result"), .uint("iterations")], requires: [])
}
