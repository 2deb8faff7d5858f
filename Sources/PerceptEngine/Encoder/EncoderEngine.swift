package import Logging
import PerceptFiles
package import PerceptFrame
package import PerceptGraph
package import PerceptModels
import PerceptNumbers
package import PerceptRuntime

/// Runs an encoder: images and ids of texts in, numbers out. All calls come from the device's thread.
package final class EncoderEngine {
    package let graphs: EncoderGraphs
    package let transform: ImageTransform
    package let host: ModelHost
    /// The file, directory or name that weights come from, for messages.
    private let origin: String

    /// What a recorded program computes.
    private enum Key: Hashable {
        case image(ImageTask, batch: Int)
        case tensors(batch: Int)
        case text(batch: Int, length: Int)
    }

    package init(
        _ model: LoadedEncoder, _ graphs: EncoderGraphs, transform: ImageTransform, on gpu: OpenDevice,
        programMemory: Int,
        logger: Logger, progress: @escaping (Double) throws -> Void
    ) {
        self.graphs = graphs
        self.transform = transform
        origin = model.origin
        host = ModelHost(
            on: gpu, from: model.weights, programMemory: programMemory, logger: logger, progress: progress)
    }

    // MARK: Images

    /// Runs images, a whole batch, through a task.
    ///
    /// - Parameter labels: embeddings of the labels of a classification.
    /// - Returns: the program, whose outputs are there until its next run.
    package func run(
        _ task: ImageTask, _ images: [DecodedFrame], labels: [[Float]] = []
    ) throws -> Recorded<EncoderGraphs.Images> {
        let recorded = try fill(task, images)
        if let tensor = recorded.slots.labels { Self.fill(recorded.program, tensor, labels) }
        try host.finish(recorded.program, try recorded.program.submit())
        return recorded
    }

    /// Runs normalised pixels [3, height, width] of a whole batch.
    package func run(tensors: [[Float]]) throws -> Recorded<EncoderGraphs.Tensors> {
        let recorded = try host.program(Key.tensors(batch: tensors.count)) { _ in
            let recording = graphs.tensors(batch: tensors.count)
            return Recording(recording.graph, recording)
        }
        let pixels = recorded.slots.pixels
        // Rows of an odd width are padded.
        Self.fill(
            recorded.program, pixels,
            tensors.flatMap { tensor in
                stride(from: 0, to: tensor.count, by: pixels.columns).map { Array(tensor[$0..<$0 + pixels.columns]) }
            })
        try host.finish(recorded.program, try recorded.program.submit())
        return recorded
    }

    /// Puts images where the program of a task reads them.
    package func fill(_ task: ImageTask, _ images: [DecodedFrame]) throws -> Recorded<EncoderGraphs.Images> {
        let (inputs, capacity) = inputs(images)
        let recorded = try program(task, batch: images.count, holding: capacity)
        for (slot, input) in zip(recorded.slots.slots, inputs) { input.write(to: recorded.program, slot) }
        return recorded
    }

    /// An image made ready for the tower.
    package func input(_ image: DecodedFrame, index: Int = 0) -> ImageInput {
        ImageInput(image, index: index, height: graphs.height, width: graphs.width, transform: transform)
    }

    private func inputs(_ images: [DecodedFrame]) -> (inputs: [ImageInput], capacity: PixelCapacity) {
        let inputs = images.enumerated().map { input($1, index: $0) }
        return (inputs, inputs.dropFirst().reduce(inputs[0].capacity) { $0.union($1.capacity) })
    }

    private static func fill(_ program: Program, _ tensor: Tensor, _ rows: [[Float]]) {
        let memory = program.input(tensor)
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        let floats = memory.bindMemory(to: Float.self)
        for (row, values) in rows.enumerated() {
            for (column, value) in values.enumerated() { floats[row * tensor.paddedColumns + column] = value }
        }
    }

    /// The program of a task, recorded anew only where an image is larger, or of another layout, than all before it.
    package func program(
        _ task: ImageTask, batch: Int, holding capacity: PixelCapacity
    ) throws -> Recorded<EncoderGraphs.Images> {
        try host.program(Key.image(task, batch: batch), holding: capacity) { room in
            let images = graphs.images(task, batch: batch, capacity: room)
            return Recording(images.graph, images, capacity: room)
        }
    }

    /// A program of its own for a batch of images, with the images in it, whose commands are timed.
    package func timedProgram(_ images: [DecodedFrame], _ timing: ProgramTiming) throws -> Program {
        let (inputs, capacity) = inputs(images)
        let recording = graphs.images(.embedding, batch: images.count, capacity: capacity)
        let program = try host.record(recording.graph, RecordingOptions(timing: timing))
        for (slot, input) in zip(recording.slots, inputs) { input.write(to: program, slot) }
        return program
    }

    // MARK: Texts

    /// Embeddings of texts whose ids are padded to the context.
    ///
    /// - Parameter end: the id that closes a text.
    package func embed(ids: [[UInt32]], end: UInt32) throws -> [[Float]] {
        let context = ids[0].count
        // Attention is causal and pooling stops at the end-of-text token: what lies behind the last of them is not run.
        let needed = ids.map { ($0.firstIndex(of: end) ?? context - 1) + 1 }.max() ?? context
        let length = min(context, needed.roundedUp(to: 8))
        let recorded = try textProgram(batch: ids.count, length: length)
        let program = recorded.program
        Self.fill(program, recorded.slots.ids, ids)
        try host.finish(program, try program.submit())
        return rows(try finiteValues(recorded.slots.embedding, "embedding", of: program), count: ids.count)
    }

    private static func fill(_ program: Program, _ tensor: Tensor, _ ids: [[UInt32]]) {
        let memory = program.input(tensor).bindMemory(to: UInt32.self)
        for (row, text) in ids.enumerated() {
            for column in 0..<tensor.columns { memory[row * tensor.paddedColumns + column] = text[column] }
        }
    }

    package func textProgram(batch: Int, length: Int) throws -> Recorded<EncoderGraphs.Texts> {
        try host.program(Key.text(batch: batch, length: length)) { _ in
            let texts = try texts(batch: batch, length: length)
            return Recording(texts.graph, texts)
        }
    }

    /// A program of its own for texts that fill their context, with made-up ids in it, whose commands are timed.
    package func timedTextProgram(batch: Int, _ timing: ProgramTiming) throws -> Program {
        let length = graphs.encoder.text?.context ?? 1
        let texts = try texts(batch: batch, length: length)
        let program = try host.record(texts.graph, RecordingOptions(timing: timing))
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
    package func rows(_ values: [Float], count: Int) -> [[Float]] {
        let width = values.count / count
        return (0..<count).map { Array(values[$0 * width..<($0 + 1) * width]) }
    }

    /// An output in which no NaN and no infinity is handed on: pixels and ids cannot lead to them, damaged weights do.
    ///
    /// - Parameter name: what a message calls it.
    package func finiteValues(_ output: Output?, _ name: String, of program: Program) throws -> [Float] {
        guard let output else { preconditionFailure("the program has no \(name)") }
        let values = program.values(output)
        try requireFinite(values, name)
        return values
    }

    package func requireFinite(_ values: [Float], _ name: String) throws {
        guard values.allSatisfy({ $0.isFinite }) else {
            throw Refusal(.badData, "\(origin): the weights lead to \(name) that is not finite")
        }
    }
}
