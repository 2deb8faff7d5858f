import PerceptGraph
import PerceptModels
import PerceptRuntime

/// What a recorded program of an encoder computes.
enum ImageTask: Hashable {
    case embedding
    /// Of the last block, without the final norm.
    case embeddingAndFeatures
    case classification(labels: Int)
    case features(layer: Int, norm: Bool)
}

enum ProgramKey: Hashable {
    case image(ImageTask, batch: Int)
    case text(batch: Int, length: Int)
}

extension PerceptionEncoder {
    /// Runs images, a whole batch, through a task.
    func run(_ task: ImageTask, _ images: [Image], fill other: (Program) -> Void = { _ in }) throws -> Program {
        let program = try fill(task, images)
        other(program)
        try finish(program, try program.submit())
        return program
    }

    /// Puts images where the program of a task reads them.
    func fill(_ task: ImageTask, _ images: [Image]) throws -> Program {
        let (inputs, capacity) = imageInputs(images)
        let program = try imageProgram(task, batch: images.count, capacity: capacity)
        for (slot, input) in inputs.enumerated() { input.write(to: program, slot: slot) }
        return program
    }

    private func imageInputs(_ images: [Image]) -> (inputs: [ImageInput], capacity: PixelCapacity) {
        let inputs = images.enumerated().map { slot, image in
            ImageInput(image, slot: slot, height: inputSize.height, width: inputSize.width, transform: transform)
        }
        return (inputs, inputs.dropFirst().reduce(inputs[0].capacity) { $0.union($1.capacity) })
    }

    /// A program of its own for a batch of images, with the images in it, whose commands are timed.
    func timedProgram(_ images: [Image], _ timing: ProgramTiming) throws -> Program {
        let (inputs, capacity) = imageInputs(images)
        let program = try record(imageGraph(.embedding, batch: images.count, capacity: capacity), timing: timing)
        for (slot, input) in inputs.enumerated() { input.write(to: program, slot: slot) }
        return program
    }

    /// The program of a task, recorded anew only where an image is larger, or of another layout, than all before it.
    func imageProgram(_ task: ImageTask, batch: Int, capacity: PixelCapacity) throws -> Program {
        let key = ProgramKey.image(task, batch: batch)
        var room = capacity
        if let known = programs[key], let held = known.plan.pixelCapacity {
            if held.holds(capacity) { return known }
            room = room.union(held)
            // Its memory may be needed for the larger one.
            programs[key] = nil
        }
        let program = try record(imageGraph(task, batch: batch, capacity: room.withSlack))
        programs[key] = program
        return program
    }

    func imageGraph(_ task: ImageTask, batch: Int, capacity: PixelCapacity) -> Graph {
        let tower = VisionTransformer(
            config.vision, storage: precision.storage, fusedNormRows: gpu.runtime.profile.fusedNormRows)
        var graph = Graph()
        let pixels = graph.preprocess(
            "pixels", images: batch, height: inputSize.height, width: inputSize.width, capacity: capacity)
        if case .features(let layer, let norm) = task {
            let tokens = tower(pixels, lastLayer: layer, in: &graph).blocks[layer]
            graph.output("tokens", norm ? tower.postNorm(tokens, to: .f32, in: &graph) : tokens)
            return graph
        }
        let last = config.vision.layers - 1
        let tokens = tower(pixels, lastLayer: last, in: &graph).blocks[last]
        if task == .embeddingAndFeatures { graph.output("tokens", tokens) }
        let pooled = tower.pool(tokens, in: &graph)
        let embedding = graph.l2Normalize("normalize", tower.project(pooled, in: &graph))
        guard case .classification(let labels) = task else {
            graph.output("embedding", embedding)
            return graph
        }
        let vectors = graph.input("labels", [labels.roundedUp(to: 8), embeddingWidth])
        let cosines = graph.similarity("similarity", embedding, vectors, count: labels)
        graph.output("probabilities", graph.softmax("softmax", cosines, scale: logitScale))
        return graph
    }

    // MARK: Texts

    /// Embeddings of texts whose ids are padded to the context.
    func embed(ids: [[UInt32]], end: UInt32) throws -> [Embedding] {
        let context = ids[0].count
        // Attention is causal and pooling stops at the end-of-text token: what lies behind the last of them is not run.
        let needed = ids.map { ($0.firstIndex(of: end) ?? context - 1) + 1 }.max() ?? context
        let length = min(context, needed.roundedUp(to: 8))
        let program = try textProgram(batch: ids.count, length: length)
        Self.fill(program, ids, length: length)
        try finish(program, try program.submit())
        let values = try finiteValues("embedding", of: program)
        let width = values.count / ids.count
        return ids.indices.map { Embedding(Array(values[$0 * width..<($0 + 1) * width])) }
    }

    private static func fill(_ program: Program, _ ids: [[UInt32]], length: Int) {
        let memory = program.input("ids").bindMemory(to: UInt32.self)
        let stride = length.roundedUp(to: 8)
        for (row, text) in ids.enumerated() {
            for column in 0..<length { memory[row * stride + column] = text[column] }
        }
    }

    func textProgram(batch: Int, length: Int) throws -> Program {
        let key = ProgramKey.text(batch: batch, length: length)
        if let known = programs[key] { return known }
        let program = try record(textGraph(batch: batch, length: length))
        programs[key] = program
        return program
    }

    /// A program of its own for texts that fill their context, with made-up ids in it, whose commands are timed.
    func timedTextProgram(batch: Int, _ timing: ProgramTiming) throws -> Program {
        let length = config.text?.context ?? 1
        let program = try record(textGraph(batch: batch, length: length), timing: timing)
        Self.fill(program, (0..<batch).map { _ in (0..<length).map { UInt32($0 + 1) } }, length: length)
        return program
    }

    func textGraph(batch: Int, length: Int) throws -> Graph {
        guard let text = config.text else { throw PerceptError(.usage, "\(modelName) has no text tower") }
        var graph = Graph()
        let ids = graph.input("ids", [batch, length])
        let tower = TextTransformer(
            text, storage: precision.storage, fusedNormRows: gpu.runtime.profile.fusedNormRows)
        let features = tower(ids, in: &graph)
        graph.output("embedding", graph.l2Normalize("normalize", features.embedding))
        return graph
    }
}
