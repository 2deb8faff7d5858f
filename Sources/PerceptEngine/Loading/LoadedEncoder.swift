import CPerceptData
import Foundation
import PerceptCheckpoint
import PerceptFiles
import PerceptJSON
package import PerceptModels
package import PerceptRuntime

/// An encoder and where its weights are read from.
package struct LoadedEncoder: Sendable {
    /// The file, directory or name it comes from, for messages.
    package let origin: String
    package let encoder: Encoder
    package let weights: any WeightProvider
    /// exp of the learned temperature: cosines are multiplied by it before a softmax.
    package let logitScale: Float
    /// The directory with the checkpoint's JSON files, for preprocessing by them.
    package let directory: String?
    /// What a user may want to know of how the files were read.
    package let notes: [String]

    package init(_ source: ModelOrigin) throws {
        switch source {
        case .demo:
            let data = percept_demo_model()
            let json = percept_demo_config()
            let file = MappedFile(
                resource: "demo", bytes: UnsafeRawBufferPointer(start: data.bytes, count: data.count))
            let config = try EncoderConfig(
                side: JSON(UnsafeRawBufferPointer(start: json.bytes, count: json.count), file: "demo"), file: "demo",
                name: "demo")
            try self.init(try EncoderCheckpoint(try Checkpoint(resource: file), config: config), directory: nil)
        case .path(let path):
            try self.init(
                try ModelFinder.advising { try EncoderCheckpoint(contentsOf: path) },
                directory: Files.isDirectory(path) ? path : FileName.folder(path))
        case .named(let name):
            try self.init(.path(try ModelFinder.path(of: name, .encoder)))
        case .random(let name):
            guard let config = PublishedModel.named(name)?.encoder else { throw NoSuchModel(name, wanted: .encoder) }
            self.init(
                origin: config.name, encoder: Encoder(config), weights: RandomWeights(), logitScale: 1 / 0.07,
                directory: nil)
        }
    }

    private init(
        origin: String, encoder: Encoder, weights: any WeightProvider, logitScale: Float, directory: String?,
        notes: [String] = []
    ) {
        self.notes = notes
        self.origin = origin
        self.encoder = encoder
        self.weights = weights
        self.logitScale = logitScale
        self.directory = directory
    }

    private init(_ checkpoint: EncoderCheckpoint, directory: String?) throws {
        // Stored as a logarithm; towers without text have none, and none is needed.
        let logitScale = try checkpoint.weights["logit_scale"].map { exp(try $0.values()[0]) } ?? 1
        let path = checkpoint.weights.path
        guard logitScale.isFinite else { throw Refusal(.badData, "\(path): logit_scale is not a finite number") }
        self.init(
            origin: path, encoder: Encoder(checkpoint.config), weights: CheckpointWeights(checkpoint.weights),
            logitScale: logitScale, directory: directory, notes: checkpoint.notes)
    }
}
