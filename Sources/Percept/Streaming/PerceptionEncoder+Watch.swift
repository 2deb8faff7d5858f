import PerceptRuntime
import PerceptVulkan

extension PerceptionEncoder {
    /// Encodes the frames of a source as they come.
    ///
    /// Three are under way: one is decoded on the source's own thread, one computes, and the one before is handed out.
    /// Weights are uploaded and programs recorded before the source is read for the first time; from then on nothing is
    /// allocated for a frame, on the device or by Percept on the host, unless a larger frame comes or results are kept.
    ///
    /// ```swift
    /// for try await event in try encoder.watch(source, options: options) {
    ///     if case .frame(let frame) = event { print(frame.time, frame.probabilities) }
    /// }
    /// ```
    ///
    /// - Parameters:
    ///   - source: opened, and watched by nobody else.
    ///   - options: what is wanted of it.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for options that make no sense. What happens later is
    ///   thrown by the iteration, behind the summary: ``PerceptError/Code/badData`` and others by the source,
    ///   ``PerceptError/Code/temporary`` where device memory does not suffice, ``PerceptError/Code/internalFault`` where the
    ///   device stopped answering and ``StreamOptions/reopen`` did not bring it back.
    public nonisolated func watch(
        _ source: FrameSource, options: StreamOptions = StreamOptions()
    ) throws(PerceptError) -> FrameStream {
        try options.check(self)
        let flow = StreamFlow(source.live, options)
        // What waits in there comes back to the device's thread.
        Task(executorPreference: gpu.runtime.thread.tasks) { await self.carry(flow) }
        return FrameStream(flow)
    }

    /// Runs a stream to its end, on this encoder's device and on those that take its place.
    private nonisolated func carry(_ flow: StreamFlow) async {
        var (encoder, captions) = (self, flow.options.captions)
        var tally = StreamTally(window: flow.options.window)
        var losses = DeviceLosses()
        var failure: PerceptError?
        while true {
            (tally, failure) = await encoder.run(flow, captions, from: tally)
            guard let loss = failure, loss.deviceWasLost, let reopen = flow.options.reopen, !flow.isStopped,
                losses.add()
            else { break }
            flow.events.put(.device(.lost(reason: loss.message)))
            // What the lost device had is given back first: drivers count it as long as it is held.
            await encoder.unload()
            await captions?.model.unload()
            do throws(PerceptError) {
                failure = nil
                guard let next = try await Self.successor(of: flow, reopen) else { break }
                (encoder, captions) = (next.encoder, next.captions)
            } catch {
                failure = error
                break
            }
            flow.events.put(.device(.reopened(name: encoder.gpu.description.name)))
        }
        tally.abandonWaiting()
        flow.stop()
        flow.events.put(.summary(tally.summary(flow.mailbox.counts, failure)))
        flow.events.finish(failure.map { .failure($0) } ?? .success(()))
    }

    /// An encoder on the device opened anew, which may take several attempts; nil when the stream is stopped meanwhile.
    private static func successor(
        of flow: StreamFlow, _ reopen: @Sendable () async throws -> StreamSuccessor
    ) async throws(PerceptError) -> StreamSuccessor? {
        for (made, seconds) in DeviceLosses.waits.enumerated() {
            await flow.sleep(.seconds(seconds))
            if flow.isStopped { return nil }
            do {
                return try await reopen()
            } catch {
                let error = PerceptError(error)
                guard made + 1 < DeviceLosses.waits.count else { throw error }
                flow.events.put(.device(.absent(attempt: made + 1, reason: error.message)))
            }
        }
        return nil
    }
}
