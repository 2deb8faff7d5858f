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

    /// Has one frame that waits encoded, if there is one and room for its result: called between pieces of longer work.
    package func serve() {
        guard failure == nil, room() > 0, flight != nil || feed.mailbox.hasFrame else { return }
        do { _ = try turn(overlaps: false) } catch { fail(error) }
    }

    // MARK: Turns

    /// Moves a stream on by a frame or a notice.
    ///
    /// - Parameter overlaps: whether the next frame may be left with the device.
    /// - Returns: false where there was nothing to do.
    package func turn(overlaps: Bool = true) throws -> Bool {
        if let failure { throw failure }
        if flight == nil {
            if isFull {
                isAtEnd = true
                return true
            }
            if !progress.waiting.isEmpty {
                flight = try start(progress.waiting.removeFirst())
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
                    flight = try start(frame)
                }
            }
        }
        guard let flight else { return true }
        var next: Flight?
        if overlaps, room() > 1, describer?.isBusy != true {
            next = try startBehind(flight)
        }
        do {
            let encoded = try finish(flight)
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
    private func startBehind(_ flight: Flight) throws -> Flight? {
        if !options.everyFrame {
            guard let handover = handover(flight) else { return nil }
            let left = handover - .now
            if left > .zero, try engine.host.gpu.device.queue.wait(for: flight.submission, timeout: left) { return nil }
        }
        guard progress.waiting.isEmpty, !isFull, let frame = feed.mailbox.takeFrame() else { return nil }
        guard fits(frame.live.frame) else {
            progress.waiting.append(frame)
            return nil
        }
        return try start(frame)
    }

    private func start(_ frame: WaitingFrame) throws -> Flight {
        let taken = ContinuousClock.now
        do {
            let dropped = progress.take(frame)
            let index = freeSlot
            if !fits(frame.live.frame) { try replaceSlots(for: frame.live.frame) }
            write(frame.live.frame, to: index)
            let submission = try slots[index].program.submit()
            let flight = Flight(
                slot: index, frame: frame, dropped: dropped, taken: taken, submitted: .now, submission: submission)
            noteSubmitted(flight)
            return flight
        } catch {
            progress.waiting.insert(frame, at: 0)
            throw error
        }
    }

    private func finish(_ flight: Flight) throws -> EncodedFrame {
        let program = slots[flight.slot].program
        guard let outputs, let output = outputs.embedding else { preconditionFailure("a flight without slots") }
        let started = started(flight)
        try engine.host.finish(program, flight.submission)
        let encoded = ContinuousClock.now
        noteEncoded(flight, at: encoded)
        let embedding = embeddings.write { program.read(output, into: &$0) }
        try engine.requireFinite(embedding, "embedding")
        let tokens = options.keepsFeatures ? try engine.finiteValues(outputs.tokens, "tokens", of: program) : nil
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
    package func prepare() throws {
        let description = feed.description
        guard description.width > 0, description.height > 0,
            description.width.multipliedReportingOverflow(by: description.height).overflow == false,
            description.width * description.height <= DecodedFrame.maximumPixels
        else { return }
        let grey = DecodedFrame.grey(width: description.width, height: description.height)
        try replaceSlots(for: grey)
        for index in slots.indices {
            write(grey, to: index)
            try slots[index].program.run()
        }
    }

    /// Records slots that hold `frame`, and what those before held.
    private func replaceSlots(for frame: DecodedFrame) throws {
        precondition(flight == nil, "a slot is in use")
        var needed = engine.input(frame).capacity
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
