import PerceptFrame
import PerceptGraph
import PerceptModels
import PerceptRuntime
import PerceptVulkan

extension PerceptionEncoder {
    /// Encodes the frames of a source as they come.
    ///
    /// Three are under way: one is decoded on the source's own thread, one computes, and the one before is handed out.
    /// Weights are uploaded and programs recorded before the source is read for the first time; from then on nothing is
    /// allocated on the device, unless a larger frame comes.
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
    ///   device stopped answering.
    public nonisolated func watch(
        _ source: FrameSource, options: StreamOptions = StreamOptions()
    ) throws(PerceptError) -> FrameStream {
        try options.check(self)
        let flow = StreamFlow(source.live, options)
        Task { await self.run(flow) }
        return FrameStream(flow)
    }

    /// Runs a stream to its end.
    private func run(_ flow: StreamFlow) async {
        let pipeline = FramePipeline(flow)
        streams[flow.id] = pipeline
        var captioning: Task<Void, Never>?
        do {
            try prepare(pipeline)
            if let captioner = flow.options.captions.map({ StreamCaptioner($0, flow, encoder: self) }) {
                try await captioner.prepare(
                    width: flow.source.description.width, height: flow.source.description.height)
                pipeline.captioner = captioner
                captioning = Task { await captioner.run() }
            }
            flow.start()
            while !pipeline.isAtEnd {
                if flow.events.room == 0 { await flow.events.waitForRoom() }
                if try turn(pipeline) {
                    // Whoever else wants the device has a turn too.
                    await Task.yield()
                } else {
                    await flow.mailbox.arrival()
                }
            }
        } catch {
            pipeline.failure = error
        }
        let failure = pipeline.failure.map { PerceptError($0) }
        if pipeline.flight != nil || pipeline.held != nil {
            gpu.runtime.device.queue.drain()
            pipeline.abandoned += (pipeline.flight == nil ? 0 : 1) + (pipeline.held == nil ? 0 : 1)
        }
        flow.stop()
        captioning?.cancel()
        await captioning?.value
        streams[flow.id] = nil
        flow.events.put(.summary(pipeline.summary(failure)))
        flow.events.finish(failure.map { .failure($0) } ?? .success(()))
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
            if let frame = pipeline.held {
                pipeline.held = nil
                pipeline.flight = try start(frame, pipeline)
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
            pipeline.abandoned += 1
            pipeline.flight = next
            throw error
        }
        pipeline.flight = next
        return true
    }

    /// Has one frame that waits encoded, if there is one and room for its result: called between pieces of longer work.
    func serve(stream id: Int) {
        guard let pipeline = streams[id], pipeline.failure == nil, pipeline.flow.events.room > 0,
            pipeline.flight != nil || pipeline.flow.mailbox.hasFrame
        else { return }
        do { _ = try turn(pipeline, overlaps: false) } catch { pipeline.failure = error }
    }

    /// Ends a stream for what befell work on its behalf.
    func fail(stream id: Int, _ error: PerceptError) {
        guard let pipeline = streams[id] else { return }
        pipeline.failure = pipeline.failure ?? error
        pipeline.flow.stop()
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
        guard pipeline.held == nil, !pipeline.isFull, let frame = mailbox.takeFrame() else { return nil }
        guard fits(frame, pipeline) else {
            pipeline.held = frame
            return nil
        }
        return try start(frame, pipeline)
    }

    private func start(_ frame: WaitingFrame, _ pipeline: FramePipeline) throws -> FramePipeline.Flight {
        let taken = ContinuousClock.now
        do {
            let dropped = pipeline.take(frame)
            let index = pipeline.freeSlot
            if !fits(frame, pipeline) { try replaceSlots(of: pipeline, for: frame.live.frame) }
            let program = pipeline.slots[index].program
            if pipeline.slots[index].input?.take(frame.live.frame) == true {
                pipeline.slots[index].input?.writePixels(to: program, slot: 0)
            } else {
                let input = imageInput(frame.live.frame)
                input.write(to: program, slot: 0)
                pipeline.slots[index].input = input
            }
            let submission = try program.submit()
            let flight = FramePipeline.Flight(
                slot: index, frame: frame, dropped: dropped, taken: taken, submitted: .now, submission: submission)
            pipeline.noteSubmitted(flight)
            return flight
        } catch {
            pipeline.abandoned += 1
            throw error
        }
    }

    private func finish(_ flight: FramePipeline.Flight, _ pipeline: FramePipeline) throws -> FrameResult {
        let program = pipeline.slots[flight.slot].program
        let options = pipeline.flow.options
        let started = pipeline.started(flight)
        try finish(program, flight.submission)
        let encoded = ContinuousClock.now
        pipeline.noteEncoded(flight, at: encoded)
        let embedding = Embedding(try finiteValues("embedding", of: program))
        let features = options.keepsFeatures ? denseFeatures(try finiteValues("tokens", of: program)) : nil
        let read = ContinuousClock.now
        let windowed = pipeline.window.append(embedding)
        let probabilities = options.labels.isEmpty ? [] : self.probabilities([windowed], options.labels)[0]
        let frame = flight.frame
        let stages = FrameStages(
            arrival: frame.live.arrival, decoded: frame.decoded, taken: flight.taken, submitted: flight.submitted,
            started: started, encoded: encoded, read: read, labelled: .now, device: try program.deviceTime())
        pipeline.noteResult(stages)
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
        let black = try Image.black(width: description.width, height: description.height).frame
        try replaceSlots(of: pipeline, for: black)
        for index in pipeline.slots.indices {
            let input = imageInput(black)
            input.write(to: pipeline.slots[index].program, slot: 0)
            pipeline.slots[index].input = input
            try pipeline.slots[index].program.run()
        }
    }

    private func imageInput(_ frame: DecodedFrame) -> ImageInput {
        ImageInput(
            Image(frame), slot: 0, height: inputSize.height, width: inputSize.width, transform: transform)
    }

    private func fits(_ frame: WaitingFrame, _ pipeline: FramePipeline) -> Bool {
        guard let slot = pipeline.slots.first, let held = slot.program.plan.pixelCapacity else { return false }
        return slot.input?.isLike(frame.live.frame) == true || held.holds(imageInput(frame.live.frame).capacity)
    }

    /// Records slots that hold `frame`, and what those before held.
    private func replaceSlots(of pipeline: FramePipeline, for frame: DecodedFrame) throws {
        precondition(pipeline.flight == nil, "a slot is in use")
        var room = imageInput(frame).capacity
        if let held = pipeline.slots.first?.program.plan.pixelCapacity { room = room.union(held) }
        // Their memory may be needed for the larger ones.
        pipeline.slots = []
        let task: ImageTask = pipeline.flow.options.keepsFeatures ? .embeddingAndFeatures : .embedding
        let graph = imageGraph(task, batch: 1, capacity: room.withSlack)
        pipeline.slots = try record(graph, count: FramePipeline.slotCount).map {
            FramePipeline.Slot(program: $0, input: nil)
        }
    }
}

extension Image {
    /// Black pixels.
    static func black(width: Int, height: Int) throws(PerceptError) -> Image {
        try Image(rgb: [UInt8](repeating: 0, count: 3 * width * height), width: width, height: height)
    }
}
