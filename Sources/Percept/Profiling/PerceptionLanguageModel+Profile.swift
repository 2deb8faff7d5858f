import PerceptEngine
import PerceptGraph
import PerceptModels
import PerceptRuntime

extension PerceptionLanguageModel {
    /// Times every dispatch of a prompt and of a decoding step.
    ///
    /// - Parameters:
    ///   - prompt: positions of the prompt, taken in at an empty context, at most 512.
    ///   - depth: positions behind which the step decodes, at least 1.
    ///   - answers: sequences that the step takes one token on: 1, 2, 4, 8, 16 or 32.
    ///   - options: how.
    /// - Returns: a profile of the stages `prefill` and `decode`.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` where there is no room, with
    ///   ``PerceptError/Code/temporary`` where device memory does not suffice, and with ``PerceptError/Code/unavailable`` on a
    ///   device without timestamps.
    public func profile(
        prompt: Int, depth: Int, answers: Int = 1, options: ProfileOptions = ProfileOptions()
    ) async throws(PerceptError) -> Profile {
        try options.check()
        guard (1...PLMGraphs.largestPrompt).contains(prompt), depth > 0, max(prompt, depth) < contextLength else {
            throw PerceptError(
                .usage,
                "a prompt of \(prompt) positions is not between 1 and \(PLMGraphs.largestPrompt), or \(depth) "
                    + "positions have no room in a context of \(contextLength)")
        }
        guard PLMGraphs.stepRows.contains(answers) else {
            throw PerceptError(.usage, "a step of \(answers) answers is not profiled, but of \(PLMGraphs.stepRows)")
        }
        do {
            let roofs = try Profile.Roofs(gpu.runtime, precision.storage, anew: options.measuresRoofs)
            let stages = try await withEngine { engine in
                let prefill = try await TimedStage(
                    "prefill", units: prompt, try engine.timedPrefill(rows: prompt, options.mode.timing),
                    cache: CacheUse(depth: 0, rows: prompt), runs: options.runs, on: gpu.runtime)
                let decode = try await TimedStage(
                    // Keys and values of what lies before may be anything: the work is the same.
                    "decode", units: answers,
                    try engine.timedStep(sequences: answers, depth: depth, options.mode.timing),
                    cache: CacheUse(depth: depth, rows: 1), runs: options.runs, on: gpu.runtime)
                return [Profile.Stage(prefill), Profile.Stage(decode)]
            }
            return Profile(
                model: modelName, precision: precision, device: gpu.description, mode: options.mode, roofs: roofs,
                stages: stages)
        } catch { throw PerceptError(error) }
    }
}
