/// Every module that Percept is made of: one row for each kernel, or family of variants of one file.
///
/// `shaderpack` compiles the rows when the package is built, the runtime finds pipelines by them, and tests compare
/// each with the interface and the capabilities that its SPIR-V really declares.
@dynamicMemberLookup
package enum Catalog {
    private static let table = KernelTable()

    /// The kernel, or the family, of a row.
    package static subscript<Row>(dynamicMember row: KeyPath<KernelTable, Row>) -> Row { table[keyPath: row] }

    /// Every row that the table has, whether or not anything else names it.
    package static let all: [Kernel] = Mirror(reflecting: table).children.flatMap { row in
        (row.value as? KernelFamily)?.kernels ?? (row.value as? Kernel).map { [$0] } ?? []
    }

    /// Those whose modules the binary carries.
    package static let carried = all.filter { !$0.isParked }

    /// The last constant of products that can make their depth in parts.
    package static let parts = "PARTS"
    /// Lanes that share a head, in `attention_split`.
    package static let split = "SPLIT"
}

/// The rows of the catalog. A row is a property, and nothing else has to know of it.
///
/// Names are those of the files; the first constant of every kernel is the workgroup's size, `LANES`.
package struct KernelTable: Sendable {
    // Products. `matmul` spreads A over the subgroup and shuffles it.

    package let matmul = KernelFamily(
        "matmul", productConstants, productPush, .subgroupShuffle, [.plain, .wide, .uniformWide, .tiled + .inParts])
    /// Of quantised weights.
    package let matmulDot = Kernel("matmul_dot", productConstants, productPush, .integerDot, isPrebuilt: true)
    package let matmulMatrix = KernelFamily(
        "matmul_matrix",
        productConstants + [
            "TILE_COLUMNS", "TILE_DEPTH", "SUBGROUP_ROWS", "SUBGROUP_COLUMNS", "MATRIX_ROWS", "MATRIX_COLUMNS",
            "MATRIX_DEPTH", Catalog.parts,
        ], productPush, .cooperativeMatrix, isPrebuilt: true, [.plain, .bf16])
    package let matmulWorkgroupMatrix = KernelFamily(
        "matmul_workgroup_matrix", productConstants + ["TILE_COLUMNS", "TILE_DEPTH", "SLAB_ROWS", Catalog.parts],
        productPush, .workgroupMatrix, isPrebuilt: true, isParked: true, [.plain, .bf16])
    /// Runs in no model: the baseline of benchmarks.
    package let matmulNaive = Kernel(
        "matmul_naive", ["A_TYPE", "B_TYPE"], addresses("a", "b", "result") + uints("columns", "octets"))
    package let matvec = KernelFamily(
        "matvec", productConstants, productPush, .subgroupArithmetic, [.plain, .wide, .ahead])
    package let patchEmbed = KernelFamily(
        "patch_embed", ["TILE_ROWS", "B_TYPE", "PATCH"],
        addresses("pixels", "b", "result", "classToken", "positions")
            + uints(
                "rows", "columns", "depth", "resultStride", "sequence", "classRows", "gridWidth", "pixelRows",
                "pixelStride"),
        .subgroupShuffle, [.plain, .tiled])

    // Attention.

    package let attention = KernelFamily(
        "attention", attentionConstants, attentionPush, cachedPush: cachedPush, .subgroupShuffle,
        [.plain, .wide, .uniform, .shared, .cached, .cached + .wide, .cached + .shared])
    package let attentionSplit = KernelFamily(
        "attention*_split", attentionConstants + [Catalog.split], attentionPush, cachedPush: cachedPush,
        .subgroupShuffle, [.plain, .cached])
    package let attentionMatrix = KernelFamily(
        "attention_matrix",
        [
            "HEAD_OCTETS", "RESULT_TYPE", "CAUSAL", "SUBGROUPS", "BLOCK", "MATRIX_ROWS", "MATRIX_COLUMNS",
            "MATRIX_DEPTH", "MATRICES_DOWN",
        ], attentionPush, cachedPush: matrixCachedPush, [.cooperativeMatrix, .subgroupShuffle, .subgroupVote],
        isPrebuilt: true, [.plain, .bf16, .cached, .cached + .bf16])
    package let attentionWorkgroupMatrix = KernelFamily(
        "attention_workgroup_matrix",
        ["HEAD_OCTETS", "RESULT_TYPE", "CAUSAL", "QUERIES", "BLOCK", "WIDTH", "SLAB_ROWS", "TOKENS"],
        attentionPush, cachedPush: matrixCachedPush, .workgroupMatrix, isPrebuilt: true, isParked: true,
        [.plain, .bf16, .cached, .cached + .bf16])
    package let attentionDecode = Kernel(
        "attention_decode", ["HEAD_OCTETS", "Q_TYPE", "KV_TYPE", "GROUP", "RESULT_TYPE"],
        addresses("q", "cache", "parts", "result", "arrivals", "places", "pages")
            + uints("qStride", "pageStride", "keyStride", "mostParts", "kvHeads") + floats("scale"),
        [.subgroupShuffle, .subgroupArithmetic])
    package let attentionPool = Kernel(
        "attention_pool", ["HEAD_OCTETS", "Q_TYPE", "KV_TYPE", "RESULT_TYPE", "SUBGROUPS"],
        addresses("q", "k", "v", "result") + uints("keys", "keyStride", "resultStride") + floats("scale"),
        .subgroupArithmetic)
    package let quantizeCache = Kernel(
        "quantize_cache", ["X_TYPE"],
        addresses("x", "result", "saturations", "places") + uints("octets", "xStride"))

    // Rows.

    package let layerNorm = Kernel(
        "layer_norm", ["RESULT_TYPE", "HELD"],
        addresses("x", "weight", "bias", "result", "saturations") + uints("rows", "columns", "stride")
            + floats("epsilon"), .subgroupArithmetic)
    package let rmsNorm = Kernel(
        "rms_norm", ["RESULT_TYPE", "HELD"],
        addresses("x", "weight", "result", "saturations") + uints("rows", "columns", "stride") + floats("epsilon"),
        .subgroupArithmetic)
    package let l2Normalize = Kernel(
        "l2_normalize", [], addresses("x", "result") + uints("rows", "stride"), .subgroupArithmetic)
    package let softmax = Kernel(
        "softmax", [], addresses("x", "result") + uints("rows", "columns", "stride") + floats("scale"),
        .subgroupArithmetic)
    package let meanPool = Kernel(
        "mean_pool", [], addresses("x", "result") + uints("sequence", "first", "count", "stride"))
    package let eosPool = Kernel(
        "eos_pool", [], addresses("ids", "x", "result") + uints("sequence", "idStride", "stride"))

    // Tokens and positions.

    package let interpolatePositions = Kernel(
        "interpolate_positions", [],
        addresses("positions", "result")
            + uints("stride", "classRows", "nativeRows", "nativeColumns", "gridRows", "gridColumns"))
    package let tokenEmbedding = Kernel(
        "token_embedding", ["TABLE_TYPE"],
        addresses("ids", "table", "positions", "result") + uints("sequence", "idStride", "stride", "vocabulary"))
    package let spliceEmbedding = Kernel(
        "splice_embedding", ["TABLE_TYPE", "MEDIA_TYPE", "DECODING"],
        addresses("ids", "table", "media", "result", "places", "tokens")
            + uints("stride", "width", "vocabulary", "mediaRows"))
    package let gridPool = Kernel(
        "grid_pool", ["X_TYPE", "RESULT_TYPE"],
        addresses("x", "result", "saturations", "first") + uints("skipped", "side", "ratio", "stride", "rows"))
    package let copyRows = Kernel("copy_rows", [], addresses("x", "result", "rows") + uints("stride"))
    package let lastRow = Kernel(
        "last_row", [], addresses("x", "result", "places") + uints("rows", "stride"))
    package let sample = Kernel(
        "sample", [], addresses("logits", "settings", "places", "tokens", "drawn") + uints("vocabulary", "stride"))
    package let draw = KernelFamily(
        "draw", ["PART_COLUMNS", "A_TYPE", "B_TYPE"],
        addresses("a", "b", "logits", "bests", "arrivals", "settings", "places", "tokens", "drawn")
            + uints("columns", "depth", "parts", "vocabulary"),
        .subgroupArithmetic, [.plain, .wide, .ahead])

    // Pixels. What changes from image to image is read from a header in device memory, so that these are
    // recorded once for all sizes.

    package let unpackPixels = Kernel("unpack_pixels", ["LAYOUTS", "RUNS"], pixelPush)
    package let resizeFirst = Kernel("resize_first", [], pixelPush)
    package let resizeSecond = Kernel("resize_second", [], pixelPush + uints("pixelStride", "pixelRows"))
    package let resizeOnce = Kernel("resize_once", [], pixelPush + uints("pixelStride", "pixelRows"))

    // Measurement. The first stands in for every other kernel where the host's share of a run is measured.

    package let empty = Kernel("empty", [], [])
    package let roofCopy = Kernel("roof_copy", [], addresses("source", "result") + uints("octets", "part"))
    package let roofFMA = Kernel("roof_fma", [], addresses("result") + uints("iterations"))
}

private let productConstants = [
    "TILE_ROWS", "A_TYPE", "B_TYPE", "RESULT_TYPE", "EPILOGUE", "OTHER_TYPE", "NORM_COLUMNS", "NORM_EPSILON",
    "HEAD_SIZE", "ROTATED_COLUMNS",
]
private let productPush =
    addresses(
        "a", "b", "result", "bias", "scale", "residual", "rope", "saturations", "places", "other", "norm", "arrivals",
        "parts") + uints("rows", "columns", "depth", "sequence", "splitColumn", "otherStride")

private let attentionConstants = ["HEAD_OCTETS", "Q_TYPE", "KV_TYPE", "RESULT_TYPE", "CAUSAL"]
private let attentionSizes =
    uints("queries", "keys", "queryStride", "keyStride", "resultStride") + floats("scale")
private let attentionPush = addresses("q", "k", "v", "result") + attentionSizes
private let cachedPush = addresses("q", "cache", "result", "places", "pages") + attentionSizes + uints("group")
private let matrixCachedPush = addresses("q", "k", "v", "result", "places", "pages") + attentionSizes + uints("group")

private let pixelPush = addresses("header", "source", "result")
