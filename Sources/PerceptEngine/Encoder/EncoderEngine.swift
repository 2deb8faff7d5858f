package import Logging
import PerceptFiles
package import PerceptFrame
package import PerceptGraph
package import PerceptModels
import PerceptNumbers
package import PerceptRuntime
import PerceptVulkan

/// Runs an encoder: images, pixels and ids of texts in, numbers out. All calls come from the device's thread.
///
/// What is asked for waits as calls, and goes through the device in batches: whoever owns the engine makes a task of each
/// that `nextBatch` hands out, in which it runs `handIn`, `finish` and, behind both, asks for the next.
package final class EncoderEngine {
    package let graphs: EncoderGraphs
    package let transform: ImageTransform
    package let host: ModelHost
    /// The file, directory or name that weights come from, for messages.
    private let origin: String

    private var requests = EncoderRequests()
    private let clients: [TurnClient]
    private var waitingForIdle: [UnsafeContinuation<Void, Never>] = []

    /// What a recorded program computes, and for which of the batches on their way.
    private enum Key: Hashable {
        case image(ImageTask, batch: Int, Place)
        case tensors(batch: Int, Place)
        case text(batch: Int, length: Int, Place)
    }

    /// One of the batches that may be on their way.
    package struct Place: Hashable, Sendable {
        fileprivate let urgency: TurnClient.Urgency
        fileprivate let number: Int

        /// The place of a batch that goes alone.
        package static let first = Place(urgency: .interactive, number: EncoderRequests.mostBatches - 1)
    }

    package init(
        _ model: LoadedEncoder, _ graphs: EncoderGraphs, transform: ImageTransform, on gpu: OpenDevice,
        programMemory: Int,
        logger: Logger, progress: @escaping (Double) throws -> Void
    ) {
        self.graphs = graphs
        self.transform = transform
        origin = model.origin
        clients = TurnClient.Urgency.allCases.map { TurnClient($0, name: $0 == .bulk ? "bulk" : "encoder") }
        host = ModelHost(
            on: gpu, from: model.weights, programMemory: programMemory, logger: logger, progress: progress)
    }

    // MARK: Batches

    /// Waits until nothing is asked for, and nothing is on its way.
    package func waitUntilIdle(isolation: isolated (any Actor)? = #isolation) async {
        if !requests.isIdle { await withUnsafeContinuation { waitingForIdle.append($0) } }
    }

    package func add(_ call: EncoderCall) { requests.add(call) }

    /// What is to go through the device next; nil while nothing waits, or enough is on its way.
    package func nextBatch(_ urgency: TurnClient.Urgency) -> EncoderBatch? { requests.nextBatch(urgency) }

    /// A batch that was handed in.
    package struct Run {
        fileprivate let program: Program
        fileprivate let submission: SubmissionID
        fileprivate let rows: Output
        fileprivate let name: String
    }

    /// Puts a batch where its program reads it, and hands it in piece by piece as its turns come. When it returns, the next
    /// may be made ready.
    ///
    /// - Returns: nil where it came to nothing; those who asked have been told, or wait for a smaller batch.
    package func handIn(_ batch: EncoderBatch, isolation: isolated (any Actor)? = #isolation) async -> Run? {
        defer {
            requests.handedIn(batch)
            host.keepPipelines()
        }
        do {
            let (program, rows, name) = try await fill(batch)
            let submission = try await program.submit(as: clients[batch.urgency.rawValue], isWhole: true)
            return Run(program: program, submission: submission, rows: rows, name: name)
        } catch let error as any KnownFault where error.kind == .temporary && batch.count > 1 {
            requests.divide(batch)
            ended(batch)
        } catch {
            batch.fail(error)
            ended(batch)
        }
        return nil
    }

    private func ended(_ batch: EncoderBatch) {
        requests.ended(batch)
        if requests.isIdle {
            for continuation in waitingForIdle { continuation.resume() }
            waitingForIdle = []
        }
    }

    /// Waits for the end of a batch and hands its rows out.
    package func finish(
        _ batch: EncoderBatch, _ run: Run, isolation: isolated (any Actor)? = #isolation
    ) async {
        defer { ended(batch) }
        do {
            try await run.program.end(of: run.submission, as: clients[batch.urgency.rawValue])
            try host.noteSaturations(of: run.program)
            let time = try run.program.deviceTime()
            for (index, row) in rows(run.program.values(run.rows), count: batch.count).enumerated() {
                batch.finish(index, Result { try finite(row, run.name) }, deviceTime: time)
            }
        } catch { batch.fail(error) }
    }

    /// The program of a batch, with what it reads in its place.
    private func fill(
        _ batch: EncoderBatch, isolation: isolated (any Actor)? = #isolation
    ) async throws -> (Program, rows: Output, name: String) {
        let place = Place(urgency: batch.urgency, number: batch.place)
        switch batch.work {
        case .images(let task, let labels):
            let inputs = await preparation.inputs(batch.items)
            let recorded = try program(
                task, batch: batch.count,
                holding: inputs.dropFirst().reduce(inputs[0].capacity) { $0.union($1.capacity) },
                at: place)
            let slots = recorded.slots
            if let tensor = slots.labels { Self.fill(recorded.program, tensor, labels) }
            await Self.write(inputs, to: slots.slots.map { StagedImage($0, of: recorded.program) })
            switch task {
            case .classification: return (recorded.program, Self.needed(slots.probabilities), "probabilities")
            case .features: return (recorded.program, Self.needed(slots.tokens), "tokens")
            case .embedding, .embeddingAndFeatures:
                return (recorded.program, Self.needed(slots.embedding), "embedding")
            }
        case .tensors:
            let recorded = try host.program(Key.tensors(batch: batch.count, place)) { _ in
                let recording = graphs.tensors(batch: batch.count)
                return Recording(recording.graph, recording)
            }
            let pixels = recorded.slots.pixels
            await Self.write(
                batch.items, to: StagedTensor(recorded.program.input(pixels)), columns: pixels.columns,
                stride: pixels.paddedColumns)
            return (recorded.program, recorded.slots.embedding, "embedding")
        case .texts:
            let ids = batch.items.compactMap { if case .ids(let ids) = $0 { ids } else { nil } }
            let recorded = try textProgram(batch: ids.count, length: needed(ids), at: place)
            Self.fill(recorded.program, recorded.slots.ids, ids)
            return (recorded.program, recorded.slots.embedding, "embedding")
        }
    }

    private static func needed(_ output: Output?) -> Output {
        guard let output else { preconditionFailure("the program lacks what it was recorded for") }
        return output
    }

    // MARK: Images

    /// How images become inputs of the tower.
    package var preparation: ImagePreparation {
        ImagePreparation(height: graphs.height, width: graphs.width, transform: transform)
    }

    /// Copies pixels, apart from the device's thread.
    private nonisolated static func write(_ inputs: [ImageInput], to places: [StagedImage]) async {
        for (index, (input, place)) in zip(inputs, places).enumerated() { place.write(input, index: index) }
    }

    private nonisolated static func write(
        _ tensors: [EncoderItem], to place: StagedTensor, columns: Int, stride: Int
    ) async {
        place.write(tensors.map { if case .tensor(let values) = $0 { values } else { [] } }, columns, stride)
    }

    private static func fill(_ program: Program, _ tensor: Tensor, _ rows: [[Float]]) {
        StagedTensor(program.input(tensor)).write(rows, tensor.columns, tensor.paddedColumns)
    }

    /// The program of a task, recorded anew only where an image is larger, or of another layout, than all before it.
    package func program(
        _ task: ImageTask, batch: Int, holding capacity: PixelCapacity, at place: Place = .first
    ) throws -> Recorded<EncoderGraphs.Images> {
        try host.program(Key.image(task, batch: batch, place), holding: capacity) { room in
            let images = graphs.images(task, batch: batch, capacity: room)
            return Recording(images.graph, images, capacity: room)
        }
    }

    /// A program of its own for a batch of images, with the images in it, whose commands are timed.
    package func timedProgram(_ images: [DecodedFrame], _ timing: ProgramTiming) throws -> Program {
        let inputs = images.map(preparation.input)
        let capacity = inputs.dropFirst().reduce(inputs[0].capacity) { $0.union($1.capacity) }
        let recording = graphs.images(.embedding, batch: images.count, capacity: capacity)
        let program = try host.record(recording.graph, RecordingOptions(timing: timing, limit: .drivers))
        for (index, input) in inputs.enumerated() {
            StagedImage(recording.slots[index], of: program).write(input, index: index)
        }
        return program
    }

    // MARK: Texts

    /// Ids that a batch of texts needs: attention is causal and pooling stops at the end-of-text token, the largest id, so
    /// that what lies behind the last of them is not run.
    private func needed(_ ids: [[UInt32]]) -> Int {
        let context = ids[0].count
        let needed = ids.map { text in (text.max().flatMap { text.firstIndex(of: $0) } ?? context - 1) + 1 }.max()
        return min(context, (needed ?? context).roundedUp(to: 8))
    }

    private static func fill(_ program: Program, _ tensor: Tensor, _ ids: [[UInt32]]) {
        let memory = program.input(tensor).bindMemory(to: UInt32.self)
        for (row, text) in ids.enumerated() {
            for column in 0..<tensor.columns { memory[row * tensor.paddedColumns + column] = text[column] }
        }
    }

    package func textProgram(
        batch: Int, length: Int, at place: Place = .first
    ) throws -> Recorded<EncoderGraphs.Texts> {
        try host.program(Key.text(batch: batch, length: length, place)) { _ in
            let texts = try texts(batch: batch, length: length)
            return Recording(texts.graph, texts)
        }
    }

    /// A program of its own for texts that fill their context, with made-up ids in it, whose commands are timed.
    package func timedTextProgram(batch: Int, _ timing: ProgramTiming) throws -> Program {
        let length = graphs.encoder.text?.context ?? 1
        let texts = try texts(batch: batch, length: length)
        let program = try host.record(texts.graph, RecordingOptions(timing: timing, limit: .drivers))
        Self.fill(program, texts.ids, (0..<batch).map { _ in (0..<length).map { UInt32($0 + 1) } })
        return program
    }

    private func texts(batch: Int, length: Int) throws -> EncoderGraphs.Texts {
        guard let texts = graphs.texts(batch: batch, length: length) else {
            throw Refusal(.usage, "\(graphs.encoder.name) has no text tower")
        }
        return texts
    }

    // MARK: Results

    /// Rows of equal length.
    private func rows(_ values: [Float], count: Int) -> [[Float]] {
        let width = values.count / count
        return (0..<count).map { Array(values[$0 * width..<($0 + 1) * width]) }
    }

    /// Values of which no NaN and no infinity is handed on: pixels and ids cannot lead to them, damaged weights do.
    ///
    /// - Parameter name: what a message calls them.
    package func finite(_ values: [Float], _ name: String) throws -> [Float] {
        guard values.allSatisfy({ $0.isFinite }) else {
            throw Refusal(.badData, "\(origin): the weights lead to \(name) that is not finite")
        }
        return values
    }
}
