import Foundation
import PerceptCheckpoint
import PerceptModels
import PerceptNumbers

/// What can be done with a tensor that was read, without a device: views, conversions, checks.
enum TensorUse {
    /// More elements are converted in their first and last rows alone.
    private static let most = 1 << 13

    static func run(_ tensor: CheckpointTensor) {
        let (rows, columns) = (tensor.rows, tensor.columns)
        require(rows >= 0 && columns >= 0, "a tensor of \(rows) x \(columns)")
        let (cells, isHuge) = max(rows, 1).multipliedReportingOverflow(by: max(columns, 1))
        views(tensor)
        // Formats that are written by the program have no side of zero: what is left is how far reading goes.
        guard !isHuge, cells <= most else {
            if columns <= most {
                for row in Set([0, rows - 1]) where rows > 0 { _ = try? tensor.values(row: row) }
            }
            return
        }
        let values = try? tensor.values()
        if let values { require(values.count == rows * columns, "\(values.count) values of \(rows) x \(columns)") }
        let isFinite = (try? tensor.requireFinite(0..<rows)) != nil
        if let values, tensor.quantization == nil, isFinite, tensor.elementType != .f64 {
            require(values.allSatisfy(\.isFinite), "\(tensor.name) was called finite")
        }
        _ = try? tensor.mappedRows(0..<rows)
        _ = tensor.withContiguousBytes { $0.count }
        copies(tensor, values)
    }

    private static func copies(_ tensor: CheckpointTensor, _ values: [Float]?) {
        let (rows, stride) = (tensor.rows, tensor.columns + 3)
        let room = UnsafeMutableRawPointer.allocate(byteCount: max(rows * stride * 4, 16), alignment: 64)
        defer { room.deallocate() }
        for type in StorageType.allCases.reversed() {
            _ = try? tensor.copyRows(0..<rows, as: type, to: room, rowStride: stride)
        }
        if let values, rows > 0, tensor.columns > 0 {
            let last = room.load(fromByteOffset: ((rows - 1) * stride + tensor.columns - 1) * 4, as: Float.self)
            require(last.bitPattern == values[values.count - 1].bitPattern, "rows of \(tensor.name) differ by stride")
        }
        let bytes = UnsafeMutableRawPointer.allocate(
            byteCount: max(rows * tensor.storedRowByteCount, 16), alignment: 64)
        defer { bytes.deallocate() }
        try? tensor.copyStoredRows(0..<rows, to: bytes)
    }

    /// Views move no element, so any size will do.
    private static func views(_ tensor: CheckpointTensor) {
        for view in [
            try? tensor.transposed(), try? tensor.interleavingHalves(of: 4), try? tensor.separatingHalves(of: 6),
            try? tensor.stacked(on: tensor, name: "stacked"), try? tensor.reshaped(tensor.shape + [1]),
            try? tensor.reshaped(tensor.shape.filter { $0 != 1 }),
        ] {
            guard let view else { continue }
            let (rows, columns) = (view.rows, view.columns)
            guard rows > 0, columns > 0, columns <= most else { continue }
            if rows <= most / columns { _ = try? view.values() } else { _ = try? view.values(row: rows - 1) }
        }
    }

    /// All tensors of a checkpoint that was taken for a model: those of its configuration, in the right shapes.
    ///
    /// - Parameter isThorough: whether their elements are read, beyond those of the first.
    static func requireComplete(_ weights: Checkpoint, _ expected: [WeightShape], isThorough: Bool) {
        for weight in expected {
            guard let tensor = weights[weight.name] else { fail("\(weight.name) is missing and was not missed") }
            require(tensor.shape == weight.shape, "\(weight.name) of \(tensor.shape) was taken for \(weight.shape)")
            if isThorough || weight == expected.first { run(tensor) }
        }
    }

    /// Opens the file at `path` as weights and as a model.
    ///
    /// - Parameters:
    ///   - names: of the tensors that are read; all unless given.
    ///   - isThorough: whether the model's are read too.
    static func open(_ path: String, names: Set<String>? = nil, isThorough: Bool) throws {
        let checkpoint = try Checkpoint(contentsOf: path)
        let again = try Checkpoint(contentsOf: path)
        require(
            checkpoint.tensors.map { "\($0.name) \($0.shape) \($0.elementType)" }
                == again.tensors.map { "\($0.name) \($0.shape) \($0.elementType)" }, "read twice, unlike")
        for tensor in checkpoint.tensors.filter({ names?.contains($0.name) ?? true }).prefix(32) { run(tensor) }
        if let model = try? EncoderCheckpoint(contentsOf: path) {
            requireComplete(model.weights, model.config.weights, isThorough: isThorough)
        }
    }
}

let checkpointTargets: [FuzzTarget] = [
    FuzzTarget(
        "safetensors", "Checkpoint and EncoderCheckpoint: all tensors, views, conversions",
        seeds: [
            "Tests/CheckpointTests/Fixtures/*.safetensors", "Tests/CheckpointTests/Fixtures/models/*.safetensors",
            "Tests/CheckpointTests/Fixtures/models/timm/*.safetensors",
            "Tests/CheckpointTests/Fixtures/models/sharded/*.safetensors", "Tests/Fixtures/pe/golden-c.safetensors",
        ],
        made: {
            [
                (
                    "zero-huge",
                    TensorFile.safetensors([MadeTensor(name: "a", type: .f32, shape: [0, 1 << 40, 1 << 40], data: [])])
                ),
                ("lfs-pointer", Array("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n".utf8)),
                ("page", Array("<!doctype html>\n<html><body>404</body></html>".utf8)), ("empty", []),
            ]
        }, format: SafetensorsFormat(),
        words: [
            "\"dtype\":\"F16\"", "\"shape\":[", "\"data_offsets\":[", "__metadata__", "BF16", "I64", "BOOL", "F8_E4M3",
            "percept.quantization", "q8", "q4",
        ]
    ) { try TensorUse.open(Scratch.write("model.safetensors", $0), isThorough: isChosen($0)) },
    FuzzTarget(
        "torch", "the same from PyTorch's files: zip, pickle, storages; old ones too",
        seeds: ["Tests/CheckpointTests/Fixtures/*.pt", "Tests/CheckpointTests/Fixtures/models/*.pt"],
        made: {
            [
                (
                    "expanded",
                    TensorFile.torch([
                        MadeTensor(
                            name: "a", type: .f32, shape: [1 << 31, 1 << 31], strides: [0, 0], data: [0, 0, 0, 0])
                    ])
                ),
                ("bare-pickle", [0x80, 2, 0x8A, 10] + Array("lapmodule".utf8)), ("tar", Array("././@PaxHeader".utf8)),
            ]
        }, format: ZipFormat(),
        words: [
            "ctorch._utils\n_rebuild_tensor_v2\n", "ctorch\nFloatStorage\n", "ccollections\nOrderedDict\n", "cpu",
            "storage", "state_dict", "data.pkl", "byteorder",
        ]
    ) { try TensorUse.open(Scratch.write("model.pt", $0), isThorough: isChosen($0)) },
    FuzzTarget(
        "index", "an index of safetensors files, of which one is there", longest: 1 << 14,
        seeds: [
            "Tests/CheckpointTests/Fixtures/models/sharded/*.json",
            "Tests/Fixtures/plm/files/transformers/model.safetensors.index.json",
        ],
        words: ["\"weight_map\"", "\"metadata\"", "model-00001-of-00002.safetensors", "../", "/dev/zero", "total_size"]
    ) { bytes in
        _ = Shards.written
        try TensorUse.open(Scratch.write("model.safetensors.index.json", bytes), isThorough: isChosen(bytes))
    },
    FuzzTarget(
        "shapes", "whole models in every layout with extreme shapes: EncoderCheckpoint, PLMCheckpoint", longest: 256,
        made: { ShapeRecipe.sweep() }
    ) { bytes in
        guard let recipe = ShapeRecipe(bytes) else { return }
        let path = recipe.write()
        if recipe.layout.isLanguageModel {
            let model = try PLMCheckpoint(contentsOf: path)
            TensorUse.requireComplete(model.weights, model.config.weights, isThorough: isChosen(bytes))
            for (_, tensor) in try model.transformersTensors().prefix(4) { TensorUse.run(tensor) }
        } else {
            try TensorUse.open(path, names: recipe.changedNames, isThorough: isChosen(bytes))
        }
    },
]

/// The files that an index may name.
private enum Shards {
    static let written: Void = {
        for number in 1...2 {
            let name = "model-0000\(number)-of-00002.safetensors"
            Scratch.write(name, Repository.bytes("Tests/CheckpointTests/Fixtures/models/sharded/\(name)"))
        }
    }()
}
