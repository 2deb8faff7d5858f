import PerceptEngine
import PerceptFrame
import PerceptGraph
import PerceptModels
import PerceptRuntime
import PerceptVulkan

extension PerceptionEncoder {
    /// Runs a stream on this encoder's device, to the stream's end or until the device or the source fails.
    ///
    /// - Parameter tally: what the stream has come to before.
    /// - Returns: what it has come to now, and why it cannot go on here.
    func run(
        _ flow: StreamFlow, _ captions: CaptionSchedule?, from tally: StreamTally
    ) async -> (tally: StreamTally, failure: PerceptError?) {
        let pipeline = FramePipeline(flow, tally, embeddingWidth: embeddingWidth, logitScale: logitScale)
        streams[flow.id] = pipeline
        var captioning: Task<Void, Never>?
        do {
            try prepare(pipeline)
            if let captioner = captions.map({ StreamCaptioner($0, flow, encoder: self) }) {
                try await captioner.prepare(
                    width: flow.source.description.width, height: flow.source.description.height)
                pipeline.captioner = captioner
                captioning = Task { await captioner.run() }
            }
            flow.start()
            while !pipeline.isAtEnd {
                await flow.events.waitForRoom()
                if try turn(pipeline) {
                    // Whoever else wants the device has a turn too.
                    await gpu.runtime.thread.yield(isolation: self)
                } else {
                    await flow.mailbox.arrival()
                }
            }
        } catch {
            pipeline.failure = error
        }
        let failure = pipeline.failure.map { PerceptError($0) }
        if let flight = pipeline.flight {
            gpu.runtime.device.queue.drain()
            pipeline.tally.waiting.insert(flight.frame, at: 0)
            pipeline.flight = nil
        }
        // Where the newest frame wins, those that a lost device had are old by the time there is another.
        if failure?.deviceWasLost != true || !flow.options.everyFrame { pipeline.tally.abandonWaiting() }
        captioning?.cancel()
        await captioning?.value
        streams[flow.id] = nil
        return (pipeline.tally, failure)
    }

    /// Has one frame that waits encoded, if there is one and room for its result: called between pieces of longer work.
    func serve(stream id: Int) {
        guard let pipeline = streams[id], pipeline.failure == nil, pipeline.flow.events.room > 0,
            pipeline.flight != nil || pipeline.flow.mailbox.hasFrame
        else { return }
        do { _ = try turn(pipeline, overlaps: false) } catch { fail(stream: id, PerceptError(error)) }
    }

    /// Ends this device's part of a stream for what befell work on its behalf.
    func fail(stream id: Int, _ error: PerceptError) {
        guard let pipeline = streams[id] else { return }
        pipeline.failure = pipeline.failure ?? error
        pipeline.flow.mailbox.wake()
    }

    // MARK: Turns

    /// Moves a stream on by a frame or a notice.
    ///
    /// - Parameter overlaps: whether the next frame may be left with the device.
    /// - Returns: false where there was nothing to do.
    private func turn(_ pipeline: FramePipeline, overlaps: Bool = true) throws -> Bool {
        if let failure = pipeline.failure { throw failure }
        let flow = pipeline.flow
        if pipeline.flight == nil {
            if pipeline.isFull {
                pipeline.isAtEnd = true
                return true
            }
            if !pipeline.tally.waiting.isEmpty {
                pipeline.flight = try start(pipeline.tally.waiting.removeFirst(), pipeline)
            } else {
                switch flow.mailbox.poll() {
                case nil: return false
                case .notice(let notice)?:
                    flow.events.put(.notice(SourceNotice(notice)))
                    return true
                case .end(let error)?:
                    pipeline.isAtEnd = true
                    if let error { throw error }
                    return true
                case .frame(let frame)?:
                    pipeline.flight = try start(frame, pipeline)
                }
            }
        }
        guard let flight = pipeline.flight else { return true }
        var next: FramePipeline.Flight?
        if overlaps, flow.events.room > 1, pipeline.captioner?.isBusy != true {
            next = try startBehind(flight, pipeline)
        }
        do {
            let result = try finish(flight, pipeline)
            pipeline.captioner?.note(result)
            flow.events.put(.frame(result))
        } catch {
            // The frame behind, if there is one, was drained with it.
            if let next { pipeline.tally.waiting.insert(next.frame, at: 0) }
            throw error
        }
        pipeline.flight = next
        return true
    }

    /// Waits until the device is almost done with a frame, and hands it the next if one is there.
    private func startBehind(
        _ flight: FramePipeline.Flight, _ pipeline: FramePipeline
    ) throws -> FramePipeline.Flight? {
        let mailbox = pipeline.flow.mailbox
        if !pipeline.flow.options.everyFrame {
            guard let handover = pipeline.handover(flight) else { return nil }
            let left = handover - .now
            if left > .zero, try gpu.runtime.device.queue.wait(for: flight.submission, timeout: left) { return nil }
        }
        guard pipeline.tally.waiting.isEmpty, !pipeline.isFull, let frame = mailbox.takeFrame() else { return nil }
        guard pipeline.fits(frame.live.frame, engine) else {
            pipeline.tally.waiting.append(frame)
            return nil
        }
        return try start(frame, pipeline)
    }

    private func start(_ frame: WaitingFrame, _ pipeline: FramePipeline) throws -> FramePipeline.Flight {
        let taken = ContinuousClock.now
        do {
            let dropped = pipeline.tally.take(frame)
            let index = pipeline.freeSlot
            if !pipeline.fits(frame.live.frame, engine) { try replaceSlots(of: pipeline, for: frame.live.frame) }
            pipeline.write(frame.live.frame, to: index, engine)
            let submission = try pipeline.slots[index].program.submit()
            let flight = FramePipeline.Flight(
                slot: index, frame: frame, dropped: dropped, taken: taken, submitted: .now, submission: submission)
            pipeline.noteSubmitted(flight)
            return flight
        } catch {
            pipeline.tally.waiting.insert(frame, at: 0)
            throw error
        }
    }

    private func finish(_ flight: FramePipeline.Flight, _ pipeline: FramePipeline) throws -> FrameResult {
        let program = pipeline.slots[flight.slot].program
        guard let outputs = pipeline.outputs, let embeddingOutput = outputs.embedding else {
            preconditionFailure("a flight without slots")
        }
        let started = pipeline.started(flight)
        try engine.host.finish(program, flight.submission)
        let encoded = ContinuousClock.now
        pipeline.noteEncoded(flight, at: encoded)
        let embedding = Embedding(
            pipeline.embeddings.write { program.read(embeddingOutput, into: &$0) }, model: space)
        try engine.requireFinite(embedding.values, "embedding")
        let features =
            pipeline.flow.options.keepsFeatures
            ? denseFeatures(try engine.finiteValues(outputs.tokens, "tokens", of: program)) : nil
        // The last that may throw: a frame that another device must encode again has left nothing behind here.
        let device = try program.deviceTime()
        let read = ContinuousClock.now
        let windowed = pipeline.tally.window.append(embedding)
        let probabilities = pipeline.probabilities.write { pipeline.softmax.write(windowed.values, to: &$0) }
        let frame = flight.frame
        let stages = FrameStages(
            arrival: frame.live.arrival, decoded: frame.decoded, taken: flight.taken, submitted: flight.submitted,
            started: started, encoded: encoded, read: read, labelled: .now, device: device)
        pipeline.tally.note(stages)
        return FrameResult(
            number: frame.live.number, time: frame.live.time, dropped: flight.dropped, embedding: embedding,
            windowEmbedding: windowed, probabilities: probabilities, features: features,
            image: Image(frame.live.frame), stages: stages)
    }

    // MARK: Slots

    /// Makes the slots for frames as the source promises them, and runs each once: drivers compile at the first run.
    private func prepare(_ pipeline: FramePipeline) throws {
        let description = pipeline.flow.source.description
        guard description.width > 0, description.height > 0,
            description.width.multipliedReportingOverflow(by: description.height).overflow == false,
            description.width * description.height <= DecodedFrame.maximumPixels
        else { return }
        let grey = DecodedFrame.grey(width: description.width, height: description.height)
        try replaceSlots(of: pipeline, for: grey)
        for index in pipeline.slots.indices {
            pipeline.write(grey, to: index, engine)
            try pipeline.slots[index].program.run()
        }
    }

    /// Records slots that hold `frame`, and what those before held.
    private func replaceSlots(of pipeline: FramePipeline, for frame: DecodedFrame) throws {
        precondition(pipeline.flight == nil, "a slot is in use")
        var room = engine.input(frame).capacity
        if let held = pipeline.capacity {
            // What was prepared for before this device's first frame was a guess.
            let layouts = pipeline.encodeTime == nil ? room.layouts : held.layouts.union(room.layouts)
            room = room.union(held)
            room.layouts = layouts
        }
        pipeline.removeSlots()
        let task: ImageTask = pipeline.flow.options.keepsFeatures ? .embeddingAndFeatures : .embedding
        room = room.withSlack
        let recording = engine.graphs.images(task, batch: 1, capacity: room)
        let programs = try engine.host.working {
            try engine.host.record(recording.graph, count: FramePipeline.slotCount)
        }
        pipeline.setSlots(programs, recording, capacity: room)
    }
}

extension DecodedFrame {
    /// Grey in the layout that most streams have; its planes share their bytes.
    fileprivate static func grey(width: Int, height: Int) -> DecodedFrame {
        DecodedFrame(
            PixelBytes([UInt8](repeating: 128, count: width * height), rowBytes: width), width: width, height: height,
            layout: .yuv420p, colorMatrix: .bt601, fullRange: false, chromaSiting: .left, resampling: .color,
            orientation: 1)
    }
}

extension Image {
    /// Black pixels.
    static func black(width: Int, height: Int) throws(PerceptError) -> Image {
        try Image(rgb: [UInt8](repeating: 0, count: 3 * width * height), width: width, height: height)
    }
}
