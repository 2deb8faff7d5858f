import Foundation
import PerceptCheckpoint
import PerceptJSON
import PerceptModels
import Testing

/// Tensors and configurations written as transformers has them, from either layout.
@Suite struct PLMPublishedNamesTests {
    private let transformers = PLMFixture.path("files/transformers")

    @Test(arguments: ["original", "transformers"])
    func tensorsAreThoseOfTransformers(layout: String) throws {
        let source = try Checkpoint(contentsOf: transformers)
        let made = try PLMCheckpoint(contentsOf: PLMFixture.path("files/\(layout)")).transformersTensors()
        #expect(Set(made.map(\.tensor.name)) == Set(source.tensors.map(\.name)))
        for (canonical, tensor) in made {
            let expected = try #require(source[tensor.name])
            #expect(tensor.shape == expected.shape && canonical != tensor.name)
            #expect(try tensor.values() == expected.values(), "\(tensor.name)")
        }
    }

    /// Configurations of all kinds of models, written and read again.
    @Test func configurationsSurvive() throws {
        var configs = PublishedModel.languageModels
        for layout in ["original", "transformers"] {
            configs.append(try PLMCheckpoint(contentsOf: PLMFixture.path("files/\(layout)")).config)
        }
        var unusual = configs[0]
        unusual.visionInput = .vanilla
        unusual.maxTiles = 7
        unusual.maxFrames = 5
        unusual.imageToken = "<|picture|>"
        unusual.imageTokenID = 1
        unusual.videoTokenID = 2
        unusual.transform.filter = .bilinear
        unusual.transform.mean = [0.48145466, 0.4578275, 0.40821073]
        unusual.transform.deviation = [0.26862954, 0.26130258, 0.27577711]
        unusual.vision.hasPreNorm.toggle()
        unusual.vision.hasPostNorm.toggle()
        unusual.vision.hasLayerScale.toggle()
        unusual.vision.hasClassToken.toggle()
        unusual.vision.mlpHidden += 3
        unusual.vision.layers = 3
        unusual.language.normEpsilon = 3e-7
        unusual.language.ropeScaling = .init(
            factor: 8.5, lowFrequency: 1.5, highFrequency: 4.25, originalPositions: 4096)
        configs.append(unusual)
        for config in configs {
            let (json, processor) = config.transformersFiles
            let files = [
                "config.json": Data(json.text(isIndented: true).utf8),
                "processor_config.json": Data(processor.text(isIndented: true).utf8),
            ]
            try PLMFixture.withDirectory(files) { directory in
                let read = try PLMConfig(transformersDirectory: directory, name: config.name)
                #expect(read == config)
            }
        }
    }

    /// Configurations of checkpoints that others quantised, or that do not fit their tensors.
    @Test(arguments: [
        (#"{"quant_method": "gptq", "bits": 4}"#, "the quantisation method 'gptq'"),
        (#"{"bits": 4}"#, "the quantisation method 'none'"),
        (
            #"{"quant_method": "percept", "scheme": "percept-rows", "version": 3, "format": "q8"}"#,
            "version 3 of the quantisation scheme"
        ),
        (
            #"{"quant_method": "percept", "scheme": "rows", "version": 1, "format": "q8"}"#,
            "the quantisation scheme 'rows'"
        ),
        (
            #"{"quant_method": "percept", "scheme": "percept-rows", "version": 1, "format": "q5"}"#,
            "the quantised format 'q5'"
        ),
        (
            #"{"quant_method": "percept", "scheme": "percept-rows", "version": 1, "format": "q8"}"#,
            "the tensors say there are no quantised rows"
        ),
        ("[]", "'quantization_config' is not an object"),
    ])
    func quantizationThatIsNotOursIsRefused(config: String, message: String) throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: transformers)
        var files: [String: Data] = [:]
        for name in names { files[name] = try Data(contentsOf: URL(filePath: transformers + "/" + name)) }
        let json = String(decoding: try #require(files["config.json"]), as: UTF8.self)
        let model = #""model_type": "perception_lm""#
        let changed = json.replacing(model, with: #"\#(model), "quantization_config": \#(config)"#)
        files["config.json"] = Data(changed.utf8)
        try PLMFixture.withDirectory(files) { directory in
            let error = try #require(throws: CheckpointError.self) { try PLMCheckpoint(contentsOf: directory) }
            #expect(error.description.contains(message) && error.file.contains(directory), "\(error)")
        }
    }
}
