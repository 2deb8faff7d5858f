import Foundation
import Percept
import Testing

/// Requests that make no sense and models that are not there end in an error of the right code that says why.
@Suite struct RefusalTests {
    private func open(
        _ source: ModelSource, precision: Precision = .f16, preprocessing: Preprocessing = .official,
        inputSize: (height: Int, width: Int)? = nil
    ) async throws -> PerceptionEncoder {
        try await PerceptionEncoder(
            source, on: TestModel.gpu(), precision: precision, preprocessing: preprocessing, inputSize: inputSize)
    }

    private func expectRefusal(
        _ code: PerceptError.Code, _ text: String, sourceLocation: SourceLocation = #_sourceLocation,
        _ body: () async throws -> Void
    ) async {
        let error = await perceptError(body)
        #expect(error?.code == code, sourceLocation: sourceLocation)
        #expect(error?.message.contains(text) == true, "\(error?.message ?? "none")", sourceLocation: sourceLocation)
    }

    @Test func requestsThatMakeNoSense() async throws {
        let encoder = try await open(.path(TestModel.clip.path))
        let image = try Image.waves(20, 20)
        for layer in [2, -3, .max, .min] {
            await expectRefusal(.usage, "\(layer)") { _ = try await encoder.features(image, layer: layer) }
        }
        await expectRefusal(.usage, "16 values") {
            _ = try await encoder.classify([image], labels: [Embedding([Float](repeating: 0, count: 1000))])
        }
        await expectRefusal(.usage, "template") { _ = try await encoder.embed(labels: ["a"], templates: []) }
        await expectRefusal(.usage, "“a photo” has no {}") {
            _ = try await encoder.embed(labels: ["a"], templates: ["a {}", "a photo"])
        }
        let clip = try VideoClip(contentsOf: TestModel.media.appending(path: "shapes.mp4"))
        for frames in [0, -1] {
            await expectRefusal(.usage, "frames") { _ = try await encoder.embed(clip, frames: frames) }
        }
        for size in [(12, 16), (0, 8), (-8, 8), (8, 7), (Int.max / 8 * 8, Int.max / 8 * 8), (8 << 20, 8 << 20)] {
            await expectRefusal(.usage, "pixels") { _ = try await open(.path(TestModel.clip.path), inputSize: size) }
        }
    }

    @Test func modelsThatAreNotThere() async throws {
        try await withTemporaryDirectory { directory in
            let path = directory.path
            await expectRefusal(.missingInput, path) { _ = try await open(.path(path + "/none.pt")) }
            await expectRefusal(.badData, "no weights") { _ = try await open(.path(path)) }
            try Data("{}".utf8).write(to: directory.appending(path: "model.safetensors"))
            await expectRefusal(.badData, "model.safetensors") { _ = try await open(.path(path)) }
            await expectRefusal(.missingInput, "none.jpg") {
                _ = try Image(contentsOf: directory.appending(path: "none.jpg"))
            }
            await expectRefusal(.missingInput, "none.mp4") {
                _ = try VideoClip(contentsOf: directory.appending(path: "none.mp4"))
            }
        }
        await expectRefusal(.usage, "PE-Core-X1") { _ = try await open(.named("PE-Core-X1")) }
        await expectRefusal(.usage, "PE-Core-X1") { _ = try await open(.random("PE-Core-X1")) }
    }

    @Test func modelsWithoutTexts() async throws {
        try await withTemporaryDirectory { directory in
            let file = try TestModel.write(to: directory) { name, shape, values in
                name.hasPrefix("visual.") ? (shape, values) : nil
            }
            let side = directory.appending(path: "changed.json")
            var json = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: side)) as? [String: Any])
            json["text"] = nil
            try JSONSerialization.data(withJSONObject: json).write(to: side)
            let encoder = try await open(.path(file.path))
            #expect(!encoder.hasTextTower)
            await expectRefusal(.usage, "no text tower") { _ = try await encoder.embed(texts: ["a"]) }
            await expectRefusal(.usage, "no text tower") { try await encoder.prepare(texts: true) }
            let whole = try await open(.path(TestModel.clip.path))
            let image = try Image.waves(20, 30)
            #expect(try await encoder.embed([image]) == whole.embed([image]))
        }
    }

    @Test func wrongShapesAndMissingTensors() async throws {
        try await withTemporaryDirectory { directory in
            let missing = try TestModel.write(to: directory) { name, shape, values in
                name == "visual.ln_post.bias" ? nil : (shape, values)
            }
            await expectRefusal(.badData, "ln_post.bias") { _ = try await open(.path(missing.path)) }
            let short = try TestModel.write(to: directory) { name, shape, values in
                name == "visual.ln_post.bias" ? ([31], Array(values.dropLast())) : (shape, values)
            }
            await expectRefusal(.badData, "ln_post.bias") { _ = try await open(.path(short.path)) }
            let scale = try TestModel.write(to: directory) { name, shape, values in
                name == "logit_scale" ? (shape, [.infinity]) : (shape, values)
            }
            await expectRefusal(.badData, "logit_scale") { _ = try await open(.path(scale.path)) }
        }
    }

    @Test(arguments: [
        #"{"crop_pct": 0}"#, #"{"crop_pct": -1}"#, #"{"crop_pct": 1e300}"#, #"{"std": [0, 1, 1]}"#,
        #"{"mean": [1e39, 1, 1]}"#, #"{"mean": [1]}"#, #"{"interpolation": "lanczos"}"#, #"{"resize_mode": "longest"}"#,
    ])
    func preprocessingThatMakesNoSense(fields: String) async throws {
        try await withTemporaryDirectory { directory in
            let file = try TestModel.write(to: directory) { ($1, $2) }
            try Data(#"{"preprocess_cfg": \#(fields)}"#.utf8)
                .write(to: directory.appending(path: "open_clip_config.json"))
            await expectRefusal(.badData, "open_clip_config.json") {
                _ = try await open(.path(file.path), preprocessing: .checkpoint)
            }
        }
    }

    /// Weights beyond f16 are kept in bf16 and said to be; activations beyond it are kept at its end and counted.
    @Test func numbersBeyondF16() async throws {
        try await withTemporaryDirectory { directory in
            let name = "visual.transformer.resblocks.0.mlp.c_fc.weight"
            let file = try TestModel.write(to: directory) { tensor, shape, values in
                (shape, tensor == name ? values.map { $0 * 1e6 } : values)
            }
            let image = try Image.waves(40, 40)
            let encoder = try await open(.path(file.path))
            let embedding = try await encoder.embed([image])[0]
            #expect(await encoder.notes.contains { $0.contains(name) && $0.contains("bf16") })
            #expect(abs(Embedding.cosine(embedding, embedding) - 1) < 1e-5)
            #expect(await encoder.saturations > 0)
            let wide = try await open(.path(file.path), precision: .bf16)
            _ = try await wide.embed([image])
            #expect(await wide.saturations == 0)
            #expect(await wide.notes.isEmpty)
        }
    }

    @Test(arguments: Precision.allCases, [Float.nan, .infinity, -.infinity])
    func weightsThatAreNotFinite(precision: Precision, value: Float) async throws {
        try await withTemporaryDirectory { directory in
            let file = try TestModel.write(to: directory) { name, shape, values in
                var values = values
                if name.hasSuffix("out_proj.weight") || name == "text_projection" { values[values.count / 2] = value }
                return (shape, values)
            }
            let encoder = try await open(.path(file.path), precision: precision)
            let image = try Image.waves(40, 40)
            await expectRefusal(.badData, file.path) { _ = try await encoder.embed([image]) }
            await expectRefusal(.badData, file.path) { _ = try await encoder.features(image) }
            await expectRefusal(.badData, file.path) { _ = try await encoder.embed(texts: ["a"]) }
        }
    }
}

/// What programs that use the library rely on.
@Suite struct LibraryPromiseTests {
    @Test func errorsTellTheirMessage() throws {
        let error: any Error = PerceptError(.badData, "a.png: damaged")
        #expect(error.localizedDescription == "a.png: damaged")
    }

    @Test func embeddingsOfDifferentModelsAreNotCompared() async {
        await #expect(processExitsWith: .failure) {
            _ = Embedding.cosine(Embedding([1, 0]), Embedding([1, 0, 0]))
        }
    }

    @Test func addressesHoldAnyBytes() async throws {
        try await withTemporaryDirectory { directory in
            // A name in Latin-1, which no string holds; in an address it is percent-encoded.
            let address = try #require(URL(string: "file://\(directory.path)/%E9.mp4"))
            let data = try Data(contentsOf: TestModel.media.appending(path: "shapes.mp4"))
            let name =
                Array(directory.path.utf8CString.dropLast()) + [0x2F, CChar(bitPattern: 0xE9)] + ".mp4".utf8CString
            let file = try #require(fopen(name, "w"))
            _ = data.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
            fclose(file)
            #expect(try MediaKind.of(address) == .video)
            let clip = try VideoClip(contentsOf: address)
            #expect(clip.url == address && clip.frameCount > 0)
            _ = try clip.frames(2)
            let missing = try #require(URL(string: "file://\(directory.path)/%E8.jpg"))
            let error = await perceptError { _ = try Image(contentsOf: missing) }
            #expect(error?.code == .missingInput)
            #expect(error?.message == "\(directory.path)/\u{FFFD}.jpg: no such file")
        }
        let elsewhere = try #require(URL(string: "https://example.org/a.png"))
        let error = await perceptError { _ = try Image(contentsOf: elsewhere) }
        #expect(error?.code == .usage && error?.message.contains("https://example.org/a.png") == true)
    }
}
