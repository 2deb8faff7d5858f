import Foundation
import PerceptCheckpoint
import PerceptNumbers

/// A checkpoint of one of the layouts that are read, with some tensors made extreme: what mutation of bytes does not reach,
/// since a shape that does not fit its data is refused at once, and one with a side of zero needs no data.
///
/// Written as bytes, so that it can be an input: layout, container, prefix, then four bytes for every change.
struct ShapeRecipe {
    /// A small model in one of the published layouts.
    struct Layout: Sendable {
        let name: String
        let isLanguageModel: Bool
        /// What the weights are called, without extension.
        let stem: String
        let tensors: [MadeTensor]
        /// The files beside the weights, by name.
        let sides: [(name: String, bytes: [UInt8])]
    }

    static let layouts: [Layout] = [
        Layout(
            "official", "Tests/CheckpointTests/Fixtures/models/official.pt",
            ["model.json": "Tests/CheckpointTests/Fixtures/models/official.json"]),
        Layout(
            "timm", "Tests/Fixtures/pe/files/timm/model.safetensors",
            ["config.json": "Tests/Fixtures/pe/files/timm/config.json"]),
        Layout(
            "open_clip", "Tests/Fixtures/pe/files/open_clip/open_clip_model.safetensors",
            ["open_clip_config.json": "Tests/Fixtures/pe/files/open_clip/open_clip_config.json"],
            stem: "open_clip_model"),
        Layout(
            "plm-original", "Tests/Fixtures/plm/files/original",
            ["params.json": "Tests/Fixtures/plm/files/original/params.json"],
            stem: "consolidated", isLanguageModel: true),
        Layout(
            "plm-transformers", "Tests/Fixtures/plm/files/transformers",
            Dictionary(
                uniqueKeysWithValues: ["config.json", "preprocessor_config.json", "processor_config.json"].map {
                    ($0, "Tests/Fixtures/plm/files/transformers/\($0)")
                }), isLanguageModel: true),
    ].flatMap { $0.name == "plm-original" ? [$0, $0.tied] : [$0] }

    private static let prefixes = [
        "", "module.", "_orig_mod.", "module._orig_mod.", "model.", "state_dict.", "ema_model.",
        "_fsdp_wrapped_module.",
    ]

    /// Sides that go over somewhere, and plain ones.
    private static let sides = [
        0, 1, 2, 3, 7, 64, 65535, 65536, 1 << 20, 1 << 31, 1 << 32, 1 << 40, 1 << 53, 1 << 61, 1 << 62, .max, .max - 1,
        -1,
    ]

    private static let shapes: [[Int]] = [
        [], [0], [0, 0], [0, 1 << 62], [1 << 62, 0], [0, 1 << 40, 1 << 40], [1 << 40, 1 << 40, 0],
        [1 << 40, 0, 1 << 40], [.max, 0],
        [0, .max], [.max, .max, 0], [0, .max, .max, .max], [1 << 32, 0, 1 << 32], [1, 0, 1 << 62, 1],
        [1 << 31, 1 << 31, 0], [1, 1, 0],
    ]

    let layout: Layout
    let isTorch: Bool
    /// Whether the configuration is there; what the shapes say counts otherwise.
    let isStated: Bool
    var tensors: [MadeTensor]

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count >= 3 else { return nil }
        layout = Self.layouts[Int(bytes[0]) % Self.layouts.count]
        isTorch = bytes[1] & 1 != 0
        isStated = bytes[1] & 2 == 0
        tensors = layout.tensors
        let prefix = Self.prefixes[Int(bytes[2]) % Self.prefixes.count]
        for start in stride(from: 3, to: bytes.count - 3, by: 4) {
            guard !tensors.isEmpty else { break }
            change(
                Int(bytes[start]) | Int(bytes[start + 1] & 0x0F) << 8, Int(bytes[start + 1] >> 4),
                Int(bytes[start + 2]), Int(bytes[start + 3]))
        }
        if !prefix.isEmpty { for index in tensors.indices { tensors[index].name = prefix + tensors[index].name } }
    }

    /// Names of the tensors that are not as in the layout.
    var changedNames: Set<String> {
        let usual = Set(layout.tensors.map { "\($0.shape) \($0.type)" })
        return Set(tensors.filter { $0.strides != nil || !usual.contains("\($0.shape) \($0.type)") }.map(\.name))
    }

    private mutating func change(_ tensor: Int, _ kind: Int, _ one: Int, _ other: Int) {
        let index = tensor % tensors.count
        let side = Self.sides[other % Self.sides.count]
        switch kind {
        case 0...3: tensors[index].shape = Self.shapes[one % Self.shapes.count]
        case 4, 5:
            guard !tensors[index].shape.isEmpty else { return }
            tensors[index].shape[one % tensors[index].shape.count] = side
        case 6: tensors[index].shape.insert(side, at: one % (tensors[index].shape.count + 1))
        case 7:
            guard !tensors[index].shape.isEmpty else { return }
            tensors[index].shape.remove(at: one % tensors[index].shape.count)
        case 8: tensors[index].type = ElementType.allCases[one % ElementType.allCases.count]
        case 9: tensors.remove(at: index)
        case 10:
            var copy = tensors[index]
            copy.name += [".extra", "s", ".weight", ".bias"][one % 4]
            tensors.append(copy)
        case 11: tensors.swapAt(index, (index + one) % tensors.count)
        case 12:
            // A view of one element, as `expand` makes them: any size without data.
            tensors[index].strides = tensors[index].shape.map { _ in 0 }
            if !tensors[index].shape.isEmpty { tensors[index].shape[one % tensors[index].shape.count] = side }
            return
        case 13:
            // The same for all tensors of the shape.
            let shape = tensors[index].shape
            for place in tensors.indices where tensors[place].shape == shape && !shape.isEmpty {
                tensors[place].strides = shape.map { _ in 0 }
                tensors[place].shape[one % shape.count] = side
            }
            return
        case 14: tensors[index].name = tensors[(index + one) % tensors.count].name
        default:
            // The same for every tensor of the name's last part: shapes that agree with each other.
            let ending = tensors[index].name.split(separator: ".").suffix(2).joined(separator: ".")
            for place in tensors.indices where tensors[place].name.hasSuffix(ending) {
                tensors[place].shape = Self.shapes[one % Self.shapes.count]
                tensors[place].fitData()
            }
        }
        if index < tensors.count, tensors[index].strides == nil { tensors[index].fitData() }
    }

    /// One recipe for every tensor of every layout and every extreme shape, in both containers.
    static func sweep() -> [(name: String, bytes: [UInt8])] {
        var recipes: [(name: String, bytes: [UInt8])] = []
        for (layout, model) in layouts.enumerated() {
            for options in [0, 1, 2] as [UInt8] {
                recipes.append(("\(model.name)-\(options)", [UInt8(layout), options, 0]))
            }
            for tensor in model.tensors.indices {
                let place = [UInt8(tensor & 0xFF), UInt8(tensor >> 8)]
                for shape in shapes.indices {
                    for options in [0, 3] as [UInt8] {
                        recipes.append(
                            (
                                "\(model.name)-\(tensor)-\(shape)-\(options)",
                                [UInt8(layout), options, 0] + place + [UInt8(shape), 0]
                            ))
                    }
                }
                for side in sides.indices {
                    for (kind, dimension) in [(0xC0, 0), (0xD0, 0), (0xD0, 1)] as [(UInt8, UInt8)] {
                        recipes.append(
                            (
                                "\(model.name)-\(tensor)-expanded-\(side)-\(kind)-\(dimension)",
                                [
                                    UInt8(layout), side % 2 == 0 ? 1 : 3, 0, place[0], place[1] | kind, dimension,
                                    UInt8(side),
                                ]
                            ))
                    }
                }
            }
        }
        return recipes
    }

    /// Writes the model; the path to open.
    func write() -> String {
        let folder = "\(Scratch.folder)/model"
        mkdir(folder, 0o700)
        for name in Self.names { unlink("\(folder)/\(name)") }
        if isStated || layout.isLanguageModel {
            for side in layout.sides { Scratch.write("model/\(side.name)", side.bytes) }
        }
        let suffix = isTorch ? (layout.isLanguageModel ? ".pth" : ".pt") : ".safetensors"
        let file = Scratch.write(
            "model/\(layout.stem)\(suffix)", isTorch ? TensorFile.torch(tensors) : TensorFile.safetensors(tensors))
        return layout.isLanguageModel ? folder : file
    }

    /// All names of files that ``write()`` makes.
    private static let names = Set(
        layouts.flatMap { layout in
            layout.sides.map(\.name) + [".pt", ".pth", ".safetensors"].map { layout.stem + $0 }
        })
}

extension ShapeRecipe.Layout {
    /// The original language model with an output matrix that is its embedding, and stored all the same.
    fileprivate var tied: Self {
        var (tensors, sides) = (tensors, sides)
        guard let embedding = tensors.first(where: { $0.name == "tok_embeddings.weight" }),
            let output = tensors.firstIndex(where: { $0.name == "output.weight" }), sides.count == 1
        else { fail("\(name) has no output matrix") }
        tensors[output].data = embedding.data
        let text = String(decoding: sides[0].bytes, as: UTF8.self)
        sides[0].bytes = Array(text.replacing("\"weight_tying\": false", with: "\"weight_tying\": true").utf8)
        return Self(name: "plm-tied", isLanguageModel: true, stem: stem, tensors: tensors, sides: sides)
    }

    init(
        _ name: String, _ path: String, _ sides: [String: String], stem: String = "model", isLanguageModel: Bool = false
    ) {
        self.name = name
        self.stem = stem
        self.isLanguageModel = isLanguageModel
        self.sides = sides.sorted { $0.key < $1.key }.map { ($0.key, Repository.bytes($0.value)) }
        guard let checkpoint = try? Checkpoint(contentsOf: "\(Repository.root)/\(path)") else {
            fail("\(path) is not a checkpoint")
        }
        tensors = checkpoint.tensors.map { tensor in
            let bytes = [UInt8](unsafeUninitializedCapacity: max(tensor.rows * tensor.storedRowByteCount, 1)) {
                buffer, count in
                guard let start = buffer.baseAddress else { return }
                if (try? tensor.copyStoredRows(0..<tensor.rows, to: start)) != nil {
                    count = tensor.rows * tensor.storedRowByteCount
                }
            }
            return MadeTensor(name: tensor.name, type: tensor.elementType, shape: tensor.shape, data: bytes)
        }
    }
}
