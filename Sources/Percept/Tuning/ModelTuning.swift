import PerceptEngine
import PerceptGraph
import PerceptModels
import PerceptRuntime

/// Times kernels for the shapes of graphs, and keeps the winners. All calls come from the GPU's thread.
struct ModelTuning {
    let graphs: [Graph]
    let gpu: OpenDevice

    private var uses: [TunableUse] { TunableUse.all(in: graphs, on: gpu.profile) }

    func candidates() throws -> [TuningCandidates] {
        let tuner = try Tuner(on: gpu)
        return uses.map { use in
            TuningCandidates(
                shape: use.shape.shapeClass.description, uses: use.count,
                kernels: tuner.candidates(of: use).map(\.name))
        }
    }

    /// - Parameters:
    ///   - seconds: for all shapes together; what serves now is timed for each in any case.
    ///   - progress: told the fraction done and the shape at hand.
    func run(seconds: Double, progress: (Double, String) -> Void) throws -> Tuning {
        let tuner = try Tuner(on: gpu)
        let uses = uses
        let clock = ContinuousClock()
        let start = clock.now
        var results: [TuningResult] = []
        for (index, use) in uses.enumerated() {
            progress(Double(index) / Double(uses.count), use.shape.shapeClass.description)
            let left = seconds - (clock.now - start) / .seconds(1)
            if let result = try tuner.tune(use, seconds: left / Double(uses.count - index)) { results.append(result) }
        }
        progress(1, "")
        var file = gpu.tuning
        let fault = file.keep(results.map(\.entry))
        return Tuning(shapes: results.map(Tuning.Shape.init), fault: fault.map { "\($0)" })
    }
}

extension PerceptionEncoder {
    /// Times the kernels that could serve the products and attentions of this model on the device, and keeps the fastest for
    /// those who open the device from now on.
    ///
    /// A kernel that computes wrongly is refused, and so is one that spills badly where the driver tells. Winners are kept for
    /// this device, driver and build, in the cache directory that compiled kernels are kept in. No weights are read.
    ///
    /// - Parameters:
    ///   - batch: images of one run; a winner serves about as many rows, not many times as many.
    ///   - seconds: how long it may take; shapes with most work come first, and what serves now is timed in any case.
    ///   - progress: told the fraction done, 0 to 1, and the shape at hand.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/temporary`` where device memory does not suffice, and with
    ///   ``PerceptError/Code/cancelled`` between two candidates of a cancelled task.
    public func tune(
        batch: Int = 1, seconds: Double = 120, progress: @Sendable (Double, String) -> Void = { _, _ in }
    ) throws(PerceptError) -> Tuning {
        try PerceptError.wrap { try tuning(batch: batch).run(seconds: seconds, progress: progress) }
    }

    /// What ``tune(batch:seconds:progress:)`` would time; nothing runs on the device.
    public func tuningCandidates(batch: Int = 1) throws(PerceptError) -> [TuningCandidates] {
        try PerceptError.wrap { try tuning(batch: batch).candidates() }
    }

    private func tuning(batch: Int) -> ModelTuning {
        ModelTuning(graphs: engine.graphs.all(batch: batch, texts: 1), gpu: gpu.runtime)
    }
}

extension PerceptionLanguageModel {
    /// Times the kernels that could serve this model on the device, and keeps the fastest: the tower's, those of prompts by
    /// their length, and those of a decoding step; see ``PerceptionEncoder/tune(batch:seconds:progress:)``.
    ///
    /// - Parameters:
    ///   - seconds: how long it may take.
    ///   - progress: told the fraction done, 0 to 1, and the shape at hand.
    /// - Throws: ``PerceptError`` as ``PerceptionEncoder/tune(batch:seconds:progress:)``.
    public func tune(
        seconds: Double = 120, progress: @Sendable (Double, String) -> Void = { _, _ in }
    ) throws(PerceptError) -> Tuning {
        try PerceptError.wrap { try tuning().run(seconds: seconds, progress: progress) }
    }

    /// What ``tune(seconds:progress:)`` would time; nothing runs on the device.
    public func tuningCandidates() throws(PerceptError) -> [TuningCandidates] {
        try PerceptError.wrap { try tuning().candidates() }
    }

    private func tuning() -> ModelTuning {
        ModelTuning(graphs: graphs.all, gpu: gpu.runtime)
    }
}
