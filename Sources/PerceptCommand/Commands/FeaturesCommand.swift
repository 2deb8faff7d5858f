import ArgumentParser
import Foundation
import Percept
import PerceptCommandKit
import PerceptFiles

struct FeaturesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "features", abstract: "Dense features of an image: one vector a patch.")

    @OptionGroup var global: GlobalOptions
    @OptionGroup var modelOptions: ModelOptions

    @Option(
        help: ArgumentHelp("The block whose output is taken, counted from the end if negative.", valueName: "index"))
    var layer = -1

    @Flag(help: "Apply the model's final norm, where it has one.")
    var norm = false

    @Option(
        help: ArgumentHelp(
            "Write the tokens [grid height, grid width, width]; a .safetensors also holds the class token.",
            valueName: "file.npy|.safetensors"))
    var out: ArrayFile?

    @Option(
        help: ArgumentHelp("Draw the first three principal components as red, green and blue.", valueName: "file.png"))
    var pca: PictureFile?

    @Option(help: "official: as the reference prepares images; checkpoint: as the checkpoint's JSON says.")
    var preprocess = Preprocessing.official

    @Argument(help: ArgumentHelp("An image; - is standard input.", valueName: "file"), completion: .file())
    var file: String

    func validate() throws {
        if let out { try requireWritableDirectory(of: out.path) }
        if let pca {
            try requireWritableDirectory(of: pca.path)
            try requireDifferentFiles([pca.path], inputs: [file])
        }
    }

    func run() async throws {
        try StandardInput.check([file])
        let input = try InputFile(file)
        let file = input.source
        guard input.kind == .image else {
            throw PerceptError(.badData, "\(file): is a video; features are taken of images")
        }
        let image = try input.decodedImage().get()
        let encoder = try await modelOptions.open(global: global, preprocessing: preprocess)
        if norm && !encoder.hasFinalNorm {
            Console.shared.note("--norm: \(encoder.modelName) has no final norm")
        }
        let features = try await encoder.features(image, layer: layer, norm: norm)
        Console.shared.progress("loading", 1)
        guard features.tokens.allSatisfy(\.isFinite) else {
            throw PerceptError(.internalFault, "\(file): features are not finite; try --precision bf16 or f32")
        }
        if let out { try write(features, to: out, encoder) }
        if let pca {
            let picture = FeaturePicture(features)
            try pca.write(picture.pixels, width: picture.width, height: picture.height)
        }
        report(features, encoder)
        await encoder.report()
    }

    private func write(_ features: DenseFeatures, to out: ArrayFile, _ encoder: PerceptionEncoder) throws {
        try out.write(
            .init(
                name: "tokens", shape: [features.gridHeight, features.gridWidth, features.width],
                elements: features.tokens),
            others: features.classToken.map {
                [.init(name: "class_token", shape: [features.width], elements: $0)]
            } ?? [],
            metadata: [
                "model": encoder.modelName, "precision": encoder.precision.rawValue,
                "device": encoder.gpu.description.name, "source": FileName.shown(file), "layer": String(layer),
                "norm": String(norm),
            ])
    }

    private func report(_ features: DenseFeatures, _ encoder: PerceptionEncoder) {
        if global.json {
            let document = JSONText.members([
                "source": .string(FileName.shown(file)), "model": .string(encoder.modelName),
                "device": .string(encoder.gpu.description.name), "precision": .string(encoder.precision.rawValue),
                "layer": .integer(layer), "norm": .bool(norm),
                "grid": .array([.integer(features.gridHeight), .integer(features.gridWidth)]),
                "width": .integer(features.width), "class_token": .bool(features.classToken != nil),
            ])
            Console.shared.result(document.text)
        } else if out == nil && pca == nil {
            let grid = "\(features.gridHeight) x \(features.gridWidth) tokens of \(features.width)"
            let name = Table.printable(FileName.shown(file))
            Console.shared.result("\(name): \(grid)\(features.classToken == nil ? "" : " and a class token")")
        }
    }
}
