import PerceptEngine
import PerceptGraph
import PerceptNumbers
import PerceptRuntime

extension PerceptionEncoder {
    /// Times every dispatch of a batch of images, from decoded pixels to embeddings.
    ///
    /// - Parameters:
    ///   - images: one batch, of any sizes, at least one.
    ///   - options: how.
    /// - Returns: a profile of one stage, `vision`.
    /// - Throws: ``PerceptError`` as ``embed(_:batch:)``, and with ``PerceptError/Code/unavailable`` on a device without
    ///   timestamps.
    public func profile(
        _ images: [Image], options: ProfileOptions = ProfileOptions()
    ) async throws(PerceptError) -> Profile {
        guard !images.isEmpty else { throw PerceptError(.usage, "no image to profile") }
        return try await profile("vision", units: images.count, options) {
            try engine.timedProgram(images.map(\.frame), $0)
        }
    }

    /// Times every dispatch of a batch of texts that fill the model's context.
    ///
    /// - Parameters:
    ///   - textBatch: how many texts, at least 1.
    ///   - options: how.
    /// - Returns: a profile of one stage, `text`.
    /// - Throws: ``PerceptError`` as ``profile(_:options:)``, and with ``PerceptError/Code/usage`` for a model without a
    ///   text tower.
    public func profile(
        textBatch: Int, options: ProfileOptions = ProfileOptions()
    ) async throws(PerceptError) -> Profile {
        guard textBatch > 0 else { throw PerceptError(.usage, "no text to profile") }
        return try await profile("text", units: textBatch, options) {
            try engine.timedTextProgram(batch: textBatch, $0)
        }
    }

    private func profile(
        _ stage: String, units: Int, _ options: ProfileOptions, _ program: (ProgramTiming) throws -> Program
    ) async throws(PerceptError) -> Profile {
        try options.check()
        defer { engine.host.keepPipelines() }
        do {
            let roofs = try Profile.Roofs(gpu.runtime, precision.storage, anew: options.measuresRoofs)
            let timed = try await TimedStage(
                stage, units: units, try program(options.mode.timing), runs: options.runs, on: gpu.runtime)
            return Profile(
                model: modelName, precision: precision, device: gpu.description, mode: options.mode, roofs: roofs,
                stages: [Profile.Stage(timed)])
        } catch { throw PerceptError(error) }
    }
}

extension Profile.Mode {
    var timing: ProgramTiming { self == .serialised ? .serialised : .concurrent }
}

extension Profile.Roofs {
    /// Takes the roofs of a device, which are measured when they are first asked for.
    init(_ gpu: OpenDevice, _ storage: StorageType, anew: Bool) throws {
        let roofs = try DeviceRoofs.of(gpu, storage, anew: anew)
        self.init(
            bytesPerSecond: roofs.copy, scalarFlopsPerSecond: roofs.fma, matrixFlopsPerSecond: roofs.product)
    }
}
