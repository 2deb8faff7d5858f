import Foundation
import Percept

/// - Throws: ``Surprise`` where `body` does not throw an error of this code and reason, with words for a person.
func expect(
    _ code: PerceptError.Code, _ reason: PerceptError.Reason, _ what: String, _ body: () throws -> Void
) throws {
    do { try body() } catch { return try check(error, code, reason, what) }
    throw Surprise(description: "\(what) is no error")
}

/// The same of what takes its time.
func expect(
    _ code: PerceptError.Code, _ reason: PerceptError.Reason, _ what: String, _ body: () async throws -> Void
) async throws {
    do { try await body() } catch { return try check(error, code, reason, what) }
    throw Surprise(description: "\(what) is no error")
}

private func check(
    _ error: any Error, _ code: PerceptError.Code, _ reason: PerceptError.Reason, _ what: String
) throws {
    if let surprise = error as? Surprise { throw surprise }
    let found = try unwrap(error as? PerceptError, "\(what): another error: \(error)")
    try require(
        found.code == code && found.reason == reason, "\(what): \(found.code), \(found.reason): \(found.message)")
    try require(!found.message.isEmpty && found.localizedDescription == found.message, "\(what): no message")
}

/// Without a driver that works there is no device. Comes first: what Vulkan once found it keeps.
func checkNoDriver() throws {
    let names = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"]
    let before = names.map { ProcessInfo.processInfo.environment[$0] }
    for name in names { setenv(name, "/nowhere/driver.json", 1) }
    defer {
        for (name, value) in zip(names, before) {
            if let value { setenv(name, value, 1) } else { unsetenv(name) }
        }
    }
    try expect(.unavailable, .noDevice, "a machine without a driver") { _ = try GPU.open() }
}

/// Every kind of error that a program can cause, told apart by its code and its reason.
struct ErrorChecks {
    let encoder: PerceptionEncoder
    let folder: URL

    func run() async throws {
        try checkFiles()
        try await checkModels()
        try await checkRequests()
        try await checkSources()
        try checkOutputs()
        try await checkCancelling()
    }

    private func checkFiles() throws {
        try expect(.missingInput, .fileMissing, "a picture that is not there") {
            _ = try Image(contentsOf: folder.appending(path: "none.png"))
        }
        let text = folder.appending(path: "text.png")
        try Data("This is no picture, whatever its name says.\n".utf8).write(to: text)
        try expect(.badData, .fileUnreadable, "a text named like a picture") { _ = try Image(contentsOf: text) }
        let png = try Painting(width: 40, height: 40).image().pngData()
        try expect(.badData, .fileUnreadable, "half of a picture") { _ = try Image(data: png.prefix(60), name: "half") }
        try expect(.badData, .fileUnreadable, "a text as a video") { _ = try VideoClip(contentsOf: text) }
        try expect(.usage, .other, "an address that is not of a file") {
            _ = try Image(contentsOf: URL(string: "https://example.org/a.png")!)
        }
    }

    private func checkModels() async throws {
        let gpu = encoder.gpu
        let name = "PE-Core-L14-336"
        try await expect(.missingInput, .modelNotDownloaded(name: name), "a model that was not fetched") {
            _ = try await PerceptionEncoder(.named(name), on: gpu)
        }
        try await expect(.missingInput, .modelNotDownloaded(name: "PLM-1B"), "a language model that was not fetched") {
            _ = try await PerceptionLanguageModel(.named("PLM-1B"), on: gpu)
        }
        try await expect(.usage, .unknownModel(name: "PE-Nobody"), "a model that nobody published") {
            _ = try await PerceptionEncoder(.named("PE-Nobody"), on: gpu)
        }
        let none = folder.appending(path: "none.safetensors").path
        try await expect(.missingInput, .fileMissing, "a checkpoint that is not there") {
            _ = try await PerceptionEncoder(.path(none), on: gpu)
        }
        let damaged = folder.appending(path: "damaged.safetensors")
        try Data(repeating: 0x7F, count: 4000).write(to: damaged)
        try await expect(.badData, .fileUnreadable, "a damaged checkpoint") {
            _ = try await PerceptionEncoder(.path(damaged.path), on: gpu)
        }
        try await expect(.usage, .other, "a size that is no whole number of patches") {
            _ = try await PerceptionEncoder(.demo, on: gpu, inputSize: (height: 17, width: 80))
        }
        if gpu.description.memoryBytes < 24 << 30 {
            try await expect(.temporary, .deviceMemory, "a model that is larger than the device's memory") {
                _ = try await PerceptionLanguageModel(.random("PLM-8B"), on: gpu, precision: .f32, weights: .full)
            }
        }
        try expect(.unavailable, .deviceNotFound, "a device that is not there") {
            var options = GPU.Options()
            options.device = "no such device"
            _ = try GPU.open(options)
        }
    }

    private func checkRequests() async throws {
        try expect(.usage, .other, "too few pixels") { _ = try Image(rgb: [1, 2, 3], width: 2, height: 2) }
        try expect(.usage, .other, "another number of planes") {
            _ = try Image(planes: [(Data(count: 16), 4)], format: .nv12, width: 4, height: 4)
        }
        try await expect(.usage, .other, "a tensor of another size") { _ = try await encoder.embed(tensors: [[0, 1]]) }
        try expect(.usage, .other, "a part outside of the picture") {
            let region = try unwrap(Region(left: 50, top: 50, right: 60, bottom: 60), "no region")
            _ = try Painting(width: 40, height: 40).image().cropped(to: region)
        }
        try expect(.usage, .other, "embeddings of different widths") {
            _ = try Embedding([1, 0]).similarity(to: Embedding([1, 0, 0]))
        }
        let small = try await PerceptionLanguageModel(.demo, on: encoder.gpu, precision: .f32, context: 64)
        let long = String(repeating: "What is on the left? ", count: 40)
        try await expect(.usage, .promptTooLong, "a question that is longer than the context") {
            do { _ = try await small.generate(long).text() } catch {
                let cause = (error as? PerceptError)?.cause as? PromptTooLong
                try require(cause.map { $0.promptTokens > $0.contextLength } == true, "the cause is no PromptTooLong")
                throw error
            }
        }
        try await expect(.usage, .other, "a temperature below 0") {
            _ = try await small.generate("What?", options: GenerationOptions(temperature: -1)).text()
        }
    }

    private func checkSources() async throws {
        try await expect(.missingInput, .fileMissing, "a video that is not there") {
            _ = try await FrameSource.open(folder.appending(path: "none.mp4").path)
        }
        try await expect(.missingInput, .cameraMissing, "a camera that is not there") {
            _ = try await FrameSource.open("/dev/video97")
        }
        try await expect(.unavailable, .unreachable, "an address where nobody listens") {
            _ = try await FrameSource.open("rtsp://127.0.0.1:9/stream")
        }
        try await expect(.usage, .other, "a source without a name") { _ = try await FrameSource.open("") }
    }

    private func checkOutputs() throws {
        let nowhere = folder.appending(path: "no/such/folder")
        try expect(.outputFault, .outputUnwritable, "an array in a folder that is not there") {
            _ = try ArrayWriter(to: nowhere.appending(path: "x.npy"), arrays: [.init("x", [1])])
        }
        try expect(.outputFault, .outputUnwritable, "a picture in a folder that is not there") {
            try Painting(width: 8, height: 8).image().writePNG(to: nowhere.appending(path: "x.png"))
        }
        try expect(.outputFault, .outputUnwritable, "a disk that is full") {
            var file = try ArrayWriter(to: URL(filePath: "/dev/full"), as: .npy, arrays: [.init("x", [4])])
            try file.write([1, 2, 3, 4])
        }
    }

    private func checkCancelling() async throws {
        let encoder = encoder
        let images = Array(repeating: try Painting(width: 200, height: 200).image(), count: 200)
        let work = Task { try await encoder.embed(images, batch: 1) }
        work.cancel()
        try await expect(.cancelled, .cancelled, "work whose task is cancelled") { _ = try await work.value }
    }
}
