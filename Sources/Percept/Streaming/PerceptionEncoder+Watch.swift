import PerceptEngine
import PerceptFrame
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
            guard let loss = failure, loss.deviceWasLost, let reopen = flow.options.reopen, !flow.feed.isStopped,
                losses.add()
            else { break }
            flow.events.put(.device(.lost(reason: loss.message)))
            // What the lost device had is given back first: drivers count it as long as it is held.
            await encoder.unload()
            try? await captions?.model.unload()
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
        tally.progress.abandonWaiting()
        flow.feed.stop()
        flow.events.put(.summary(StreamSummary(tally, flow.feed.mailbox.counts, failure)))
        flow.events.finish(failure.map { .failure($0) } ?? .success(()))
    }

    /// An encoder on the device opened anew, which may take several attempts; nil when the stream is stopped meanwhile.
    private static func successor(
        of flow: StreamFlow, _ reopen: @Sendable () async throws -> StreamSuccessor
    ) async throws(PerceptError) -> StreamSuccessor? {
        for (made, seconds) in DeviceLosses.waits.enumerated() {
            await flow.feed.sleep(.seconds(seconds))
            if flow.feed.isStopped { return nil }
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

    /// Runs a stream on this encoder's device, to the stream's end or until the device or the source fails.
    ///
    /// - Parameter tally: what the stream has come to before.
    /// - Returns: what it has come to now, and why it cannot go on here.
    private func run(
        _ flow: StreamFlow, _ captions: CaptionSchedule?, from tally: StreamTally
    ) async -> (tally: StreamTally, failure: PerceptError?) {
        let results = StreamResults(flow, tally, encoder: self)
        let pipeline: FramePipeline
        do {
            pipeline = try FramePipeline(
                engine, flow.feed, flow.options.pipeline, from: tally.progress, room: { flow.events.room },
                deliver: { results.deliver($0) })
        } catch { return (tally, PerceptError(error)) }
        streams[flow.id] = pipeline
        var describing: Task<Void, Never>?
        var failure: (any Error)?
        do {
            try await pipeline.prepare()
            if let captions {
                let describer = describer(flow, captions)
                let description = flow.feed.description
                try await captions.prepare(description.width, description.height)
                pipeline.describer = describer
                describing = Task {
                    do { try await describer.run() } catch { self.fail(stream: flow.id, error) }
                }
            }
            flow.feed.start()
            while !pipeline.isAtEnd {
                await flow.events.waitForRoom()
                if try await !pipeline.turn() { await flow.feed.mailbox.arrival() }
            }
        } catch {
            failure = error
        }
        let fault = (pipeline.failure ?? failure).map { PerceptError($0) }
        pipeline.end(deviceWasLost: fault?.deviceWasLost == true)
        describing?.cancel()
        await describing?.value
        streams[flow.id] = nil
        results.tally.progress = pipeline.progress
        return (results.tally, fault)
    }

    /// Ends a stream for what befell work on its behalf, unless that was cancelled with it.
    private func fail(stream id: Int, _ error: any Error) {
        let error = PerceptError(error)
        if error.code != .cancelled { streams[id]?.fail(error) }
    }

    /// Has a language model describe frames.
    private nonisolated func describer(_ flow: StreamFlow, _ schedule: CaptionSchedule) -> FrameDescriber {
        FrameDescriber(every: schedule.interval) { seen in
            let caption = try await schedule.describe(seen)
            await flow.events.waitForRoom()
            flow.events.put(.caption(caption))
        }
    }
}

/// Makes events of what the engine has encoded, on one device.
private final class StreamResults {
    var tally: StreamTally
    private let flow: StreamFlow
    private let encoder: PerceptionEncoder
    private var softmax: LabelProbabilities
    private var probabilities: ReusedRows

    init(_ flow: StreamFlow, _ tally: StreamTally, encoder: PerceptionEncoder) {
        self.flow = flow
        self.tally = tally
        self.encoder = encoder
        let labels = flow.options.labels
        softmax = LabelProbabilities(labels.map(\.values), scale: encoder.logitScale)
        probabilities = ReusedRows(count: FramePipeline.heldResults, width: labels.count)
    }

    func deliver(_ delivery: FrameDelivery) {
        switch delivery {
        case .notice(let notice): flow.events.put(.notice(SourceNotice(notice)))
        case .frame(let frame): flow.events.put(.frame(result(frame)))
        }
    }

    private func result(_ frame: EncodedFrame) -> FrameResult {
        let embedding = Embedding(frame.embedding, model: encoder.space)
        let windowed = tally.window.append(embedding)
        let row = probabilities.write { softmax.write(windowed.values, to: &$0) }
        let result = FrameResult(
            frame, embedding: embedding, window: windowed, probabilities: row,
            features: frame.tokens.map(encoder.denseFeatures))
        tally.note(result.stages)
        return result
    }
}
