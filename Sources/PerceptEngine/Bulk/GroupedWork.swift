import Synchronization

/// Inputs that go through in groups: loaded on all cores while groups before them are computed, handed out in their order.
///
/// What comes out does not depend on how fast anything was: the groups are the same each time.
package final class GroupedWork<Input: Sendable, Loaded: Sendable, Output: Sendable> {
    /// How inputs become outputs.
    package struct Stages: Sendable {
        let load: @Sendable (Input) -> Loaded
        let byteCount: @Sendable (Loaded) -> Int
        let compute: @Sendable ([Loaded]) async throws -> [Output]

        /// - Parameters:
        ///   - load: takes the time that it takes, on a thread of the pool.
        ///   - byteCount: memory of what was loaded.
        ///   - compute: makes the outputs of a group; of several groups at a time.
        package init(
            load: @escaping @Sendable (Input) -> Loaded, byteCount: @escaping @Sendable (Loaded) -> Int,
            compute: @escaping @Sendable ([Loaded]) async throws -> [Output]
        ) {
            self.load = load
            self.byteCount = byteCount
            self.compute = compute
        }
    }

    /// Groups on their way: two that are computed, and two that are loaded meanwhile.
    private static var mostGroups: Int { 4 }

    private let size: Int
    private let memory: Int
    private let source: @Sendable () async throws -> Input?
    private let stages: Stages
    private let pool: WorkerPool
    /// Bytes that are loaded and not computed yet.
    private let loaded = Bytes()
    private var groups: [Task<[Output], any Error>] = []
    /// Takes the inputs of the last group.
    private var taking: Task<[Input], any Error>?

    private final class Bytes: Sendable {
        private let count = Atomic<Int>(0)
        var now: Int { count.load(ordering: .relaxed) }
        func add(_ more: Int) { count.add(more, ordering: .relaxed) }
    }

    /// - Parameters:
    ///   - size: inputs of a group, at least 1.
    ///   - memory: no group is begun while so many bytes or more are loaded.
    ///   - source: the next input; nil behind the last.
    package init(
        size: Int, memory: Int, source: @escaping @Sendable () async throws -> Input?, _ stages: Stages
    ) throws {
        self.size = max(size, 1)
        self.memory = memory
        self.source = source
        self.stages = stages
        pool = try WorkerPool.shared.get()
    }

    deinit { cancel() }

    private func cancel() {
        taking?.cancel()
        for group in groups { group.cancel() }
    }

    /// The outputs of the next group; nil behind the last.
    package func next(isolation: isolated (any Actor)? = #isolation) async throws -> [Output]? {
        while groups.count < Self.mostGroups, groups.isEmpty || loaded.now < memory { begin() }
        let (group, taking) = (groups.removeFirst(), taking)
        let outputs = try await withTaskCancellationHandler {
            try await group.value
        } onCancel: {
            group.cancel()
            taking?.cancel()
        }
        guard outputs.isEmpty else { return outputs }
        cancel()
        groups = []
        return nil
    }

    private func begin() {
        let (previous, source, size) = (taking, source, size)
        let taking = Task { () async throws -> [Input] in
            // An input that fails ends the inputs behind it too.
            if let previous, try await previous.value.count < size { return [] }
            var inputs: [Input] = []
            while inputs.count < size, let input = try await source() { inputs.append(input) }
            return inputs
        }
        self.taking = taking
        let (stages, loaded, pool) = (stages, loaded, pool)
        groups.append(
            Task {
                let inputs = try await taking.value
                let items = await withTaskGroup(of: (Int, Loaded).self) { group in
                    for (index, input) in inputs.enumerated() {
                        group.addTask(executorPreference: pool) {
                            let item = stages.load(input)
                            loaded.add(stages.byteCount(item))
                            return (index, item)
                        }
                    }
                    var items = [Loaded?](repeating: nil, count: inputs.count)
                    for await (index, item) in group { items[index] = item }
                    return items.compactMap { $0 }
                }
                defer { loaded.add(-items.reduce(0) { $0 + stages.byteCount($1) }) }
                try Task.checkCancellation()
                return items.isEmpty ? [] : try await stages.compute(items)
            })
    }
}
