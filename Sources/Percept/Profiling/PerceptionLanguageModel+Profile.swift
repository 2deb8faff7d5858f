import PerceptGraph
import PerceptRuntime

extension PerceptionLanguageModel {
    /// Times every dispatch of a prompt and of a decoding step.
    ///
    /// - Parameters:
    ///   - prompt: positions of the prompt, taken in at an empty context, at most 512.
    ///   - depth: positions behind which the step decodes, at least 1.
    ///   - options: how.
    /// - Returns: a profile of the stages `prefill` and `decode`.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` where there is no room, with
    ///   ``PerceptError/Code/temporary`` where device memory does not suffice, and with ``PerceptError/Code/unavailable`` on a
    ///   device without timestamps.
    public func profile(
        prompt: Int, depth: Int, options: ProfileOptions = ProfileOptions()
    ) throws(PerceptError) -> Profile {
        try options.check()
        guard (1...LanguageSession.largestBucket).contains(prompt), depth > 0, max(prompt, depth) < contextLength else {
            throw PerceptError(
                .usage,
                "a prompt of \(prompt) positions is not between 1 and \(LanguageSession.largestBucket), or \(depth) "
                    + "positions have no room in a context of \(contextLength)")
        }
        return try PerceptError.wrap {
            let roofs = try Profile.Roofs(gpu.runtime, precision.storage, anew: options.measuresRoofs)
            let stages = try withSession { session in
                let prefill = StageRecorder(
                    name: "prefill", units: prompt,
                    program: try session.timedPrefill(rows: prompt, options.mode.timing), gpu: gpu.runtime,
                    cache: CacheUse(depth: 0, rows: prompt))
                let decode = StageRecorder(
                    name: "decode", units: 1, program: try session.timedStep(options.mode.timing), gpu: gpu.runtime,
                    cache: CacheUse(depth: depth, rows: 1))
                return [
                    try prefill.record(runs: options.runs) {},
                    try decode.record(runs: options.runs) {
                        // Keys and values of what lies before may be anything: the work is the same.
                        try session.prefill([1], at: depth - 1)
                        try session.wait(for: session.drawFirst(SamplingSettings()))
                    },
                ]
            }
            return Profile(
                model: modelName, precision: precision, device: gpu.description, mode: options.mode, roofs: roofs,
                stages: stages)
        }
    }
}
