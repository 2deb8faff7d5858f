import PerceptFrame
import PerceptGraph
import PerceptModels
import PerceptRuntime
import PerceptVulkan

extension FramePipeline {
    /// Ends the pipeline: what the device still has is waited for.
    ///
    /// - Parameter deviceWasLost: whether another device goes on; then frames that were taken wait for it, where every
    ///   frame is wanted. Where the newest wins, they are old by the time there is another.
    package func end(deviceWasLost: Bool) {
        if let flight {
            engine.host.gpu.device.queue.drain()
            progress.waiting.insert(flight.frame, at: 0)
            self.flight = nil
        }
        if !deviceWasLost || !options.everyFrame { progress.abandonWaiting() }
    }

    // MARK: Turns

    /// Moves a stream on by a frame or a notice.
    ///
    /// - Returns: false where there was nothing to do.
    package func turn(isolation: isolated (any Actor)? = #isolation) async throws -> Bool {
        if let failure { throw failure }
        if flight == nil {
            if isFull {
                isAtEnd = true
                return true
            }
            if !progress.waiting.isEmpty {
                flight = try await start(progress.waiting.removeFirst())
            } else {
                switch feed.mailbox.poll() {
                case nil: return false
                case .notice(let notice)?:
                    deliver(.notice(notice))
                    return true
                case .end(let error)?:
                    isAtEnd = true
                    if let error { throw error }
                    return true
                case .frame(let frame)?:
                    flight = try await start(frame)
                }
            }
        }
        guard let flight else { return true }
        var next: Flight?
        if room() > 1 { next = try await startBehind(flight) }
        do {
            let encoded = try await finish(flight)
            describer?.note(encoded)
            deliver(.frame(encoded))
        } catch {
            // The frame behind, if there is one, was drained with it.
            if let next { progress.waiting.insert(next.frame, at: 0) }
            throw error
        }
        self.flight = next
        return true
    }

    /// Waits until the device is almost done with a frame, and hands it the next if one is there.
    private func startBehind(
        _ flight: Flight, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Flight? {
        if !options.everyFrame {
            guard let handover = handover(flight) else { return nil }
            let gpu = engine.host.gpu
            if handover > .now,
                try await gpu.turns.end(of: flight.submission, as: client, before: handover, by: gpu.thread)
            {
                return nil
            }
        }
        guard progress.waiting.isEmpty, !isFull, let frame = feed.mailbox.takeFrame() else { return nil }
        guard fits(frame.live.frame) else {
            progress.waiting.append(frame)
            return nil
        }
        return try await start(frame)
    }

    private func start(
        _ frame: WaitingFrame, isolation: isolated (any Actor)? = #isolation
    ) async throws -> Flight {
        let taken = ContinuousClock.now
        do {
            let dropped = progress.take(frame)
            let index = freeSlot
            if !fits(frame.live.frame) { try replaceSlots(for: frame.live.frame) }
            await write(frame.live.frame, to: index)
            let submission = try await slots[index].program.submit(as: client, isWhole: true)
            let flight = Flight(
                slot: index, frame: frame, dropped: dropped, taken: taken, submitted: .now, submission: submission)
            noteSubmitted(flight)
            return flight
        } catch {
            progress.waiting.insert(frame, at: 0)
            throw error
        }
    }

    private func finish(
        _ flight: Flight, isolation: isolated (any Actor)? = #isolation
    ) async throws -> EncodedFrame {
        let program = slots[flight.slot].program
        guard let outputs, let output = outputs.embedding else { preconditionFailure("a flight without slots") }
        let started = started(flight)
        try await program.end(of: flight.submission, as: client)
        try engine.host.noteSaturations(of: program)
        let encoded = ContinuousClock.now
        noteEncoded(flight, at: encoded)
        let embedding = embeddings.write { program.read(output, into: &$0) }
        _ = try engine.finite(embedding, "embedding")
        let tokens = try outputs.tokens.map { try engine.finite(program.values($0), "tokens") }
        // The last that may throw: a frame that another device must encode again has left nothing behind here.
        let device = try program.deviceTime()
        progress.noteEncoded()
        return EncodedFrame(
            live: flight.frame.live, dropped: flight.dropped, embedding: embedding, tokens: tokens,
            moments: FrameMoments(
                decoded: flight.frame.decoded, taken: flight.taken, submitted: flight.submitted, started: started,
                encoded: encoded, read: .now, device: device))
    }

    // MARK: Slots

    /// Makes the slots for frames as the source promises them, and runs each once: drivers compile at the first run.
    package func prepare(isolation: isolated (any Actor)? = #isolation) async throws {
        let description = feed.description
        guard description.width > 0, description.height > 0,
            description.width.multipliedReportingOverflow(by: description.height).overflow == false,
            description.width * description.height <= DecodedFrame.maximumPixels
        else { return }
        let grey = DecodedFrame.grey(width: description.width, height: description.height)
        try replaceSlots(for: grey)
        for index in slots.indices {
            await write(grey, to: index)
            try await slots[index].program.run(as: client)
        }
    }

    /// Records slots that hold `frame`, and what those before held.
    private func replaceSlots(for frame: DecodedFrame) throws {
        precondition(flight == nil, "a slot is in use")
        var needed = engine.preparation.input(frame).capacity
        if let held = capacity {
            // What was prepared for before this device's first frame was a guess.
            let layouts = encodeTime == nil ? needed.layouts : held.layouts.union(needed.layouts)
            needed = needed.union(held)
            needed.layouts = layouts
        }
        removeSlots()
        let task: ImageTask = options.keepsFeatures ? .embeddingAndFeatures : .embedding
        needed = needed.withSlack
        let recording = engine.graphs.images(task, batch: 1, capacity: needed)
        let programs = try engine.host.working {
            try engine.host.record(recording.graph, count: Self.slotCount)
        }
        setSlots(programs, recording, capacity: needed)
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
