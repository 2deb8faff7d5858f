package import PerceptGraph
import PerceptNumbers
package import PerceptRuntime
import PerceptShaders
import PerceptVulkan

/// Runs a plan one dispatch at a time in memory filled with NaN, and watches every byte: a kernel that reads or writes one
/// element too far shows.
///
/// Nothing else would notice: addresses have no bounds, and neighbours in an arena are valid memory. Every tensor gets
/// bytes of its own with guards around them, so that stale contents of others cannot pass for data either. It needs a
/// device whose memory the host sees, such as a CPU driver.
package final class PoisonedRun {
    /// The host does not see this device's memory.
    package struct MemoryHidden: Error {}

    /// What a kernel did that it does not declare.
    package enum Finding: Hashable, Sendable, CustomStringConvertible {
        /// Bytes outside of its declared writes changed; the first is `byte` bytes from the start of `tensor`.
        case wroteOutside(label: String, tensor: String, byte: Int)
        /// A word of its result was left as it was.
        case leftUnwritten(label: String, tensor: String, word: Int)
        /// NaN reached its result.
        case producedNaN(label: String, tensor: String, element: Int)
        /// A counter of arrivals is not back at zero.
        case leftCounting(label: String, counter: Int)

        package var description: String {
            switch self {
            case .wroteOutside(let label, let tensor, let byte):
                "\(label) wrote outside of its results, at byte \(byte) of \(tensor)"
            case .leftUnwritten(let label, let tensor, let word): "\(label) left word \(word) of \(tensor) unwritten"
            case .producedNaN(let label, let tensor, let element):
                "\(label) made element \(element) of \(tensor) NaN"
            case .leftCounting(let label, let counter): "\(label) left counter \(counter) of arrivals counting"
            }
        }
    }

    /// A quiet NaN in f32, and two in f16 and bf16.
    ///
    /// Arithmetic keeps a NaN's bits, so neighbours differ: what a kernel copies from one is not what it hides in another.
    private static func poison(_ index: Int) -> UInt32 { 0x0001_0001 * UInt32(0x7fc1 + index % 62) }
    /// Bytes around each tensor: more than a kernel's widest load.
    private static let guardBytes = 4096

    /// A tensor's bytes in the one buffer that holds everything.
    private struct Place {
        let name: String
        let tensor: Tensor
        let bytes: Range<Int>
        /// What fills it before it is written.
        let poison: UInt32
        /// Memory that outlives a run is written a few rows at a time.
        let isState: Bool
    }

    /// Bytes added to the address of a push constant, by its name: a fault to be found.
    package var displacements: [String: Int] = [:]

    private let plan: Plan
    private let gpu: OpenDevice
    private let memory: Buffer
    private let host: UnsafeMutableRawBufferPointer
    private let saturations: Buffer
    private var places: [Int: Place] = [:]
    /// By offset, to name what a stray write hit.
    private var order: [Place] = []

    /// - Throws: `MemoryHidden` where the host does not see the device's memory.
    package init(_ plan: Plan, _ graph: Graph, from provider: some WeightProvider, on gpu: OpenDevice) throws {
        self.plan = plan
        self.gpu = gpu
        var end = Self.guardBytes
        for tensor in graph.tensors {
            let (name, byteCount): (String, Int)
            switch plan.locations[tensor.id] {
            case .weight(let weight, let held)?:
                let layout = StoredLayout(weight, held)
                (name, byteCount) = (weight.name, layout.byteCount)
            case .arena(let span)?, .input(let span)?, .arrivals(let span)?:
                (name, byteCount) = ("\(tensor)", span.count)
            case .constant?, .state?:
                (name, byteCount) = ("\(tensor)", tensor.byteCount)
            case nil: continue
            }
            let isState = if case .state? = plan.locations[tensor.id] { true } else { false }
            let place = Place(
                name: name, tensor: tensor, bytes: end..<end + byteCount, poison: Self.poison(2 * order.count),
                isState: isState)
            places[tensor.id] = place
            order.append(place)
            end = (end + byteCount + Self.guardBytes).roundedUp(to: MemoryPlan.alignment)
        }
        memory = try Buffer(on: gpu.device, size: end, use: .device, label: "poisoned")
        saturations = try Buffer(on: gpu.device, size: 256, use: .readback, label: "saturations")
        guard let mapped = memory.mapped else { throw MemoryHidden() }
        host = UnsafeMutableRawBufferPointer(start: mapped, count: end)
        let words = host.bindMemory(to: UInt32.self)
        words.update(repeating: Self.poison(61))
        for (index, place) in order.enumerated() {
            let next = index + 1 < order.count ? order[index + 1].bytes.lowerBound : end
            words[place.bytes.lowerBound / 4..<place.bytes.upperBound / 4].update(repeating: place.poison)
            words[place.bytes.upperBound / 4..<next / 4].update(repeating: Self.poison(2 * index + 1))
        }

        for place in order {
            let bytes = UnsafeMutableRawBufferPointer(rebasing: host[place.bytes])
            switch plan.locations[place.tensor.id] {
            case .weight(let weight, let type)?:
                bytes.initializeMemory(as: UInt8.self, repeating: 0)
                let layout = StoredLayout(weight, type)
                _ = try layout.write(0..<layout.storedRows, from: provider, to: bytes)
            case .input?, .arrivals?: bytes.initializeMemory(as: UInt8.self, repeating: 0)
            default: break
            }
        }
        for (tensor, values) in plan.constants {
            guard let place = places[tensor.id] else { continue }
            let floats = UnsafeMutableRawBufferPointer(rebasing: host[place.bytes]).bindMemory(to: Float.self)
            floats.update(repeating: 0)
            for (index, value) in values.enumerated() {
                floats[index / tensor.columns * tensor.paddedColumns + index % tensor.columns] = value
            }
        }
    }

    /// Host-visible memory of an input, zero until it is filled.
    package func input(_ name: String) -> UnsafeMutableRawBufferPointer {
        guard let input = plan.inputs.first(where: { $0.name == name }), let place = places[input.tensor.id] else {
            preconditionFailure("the plan has no input \(name)")
        }
        return UnsafeMutableRawBufferPointer(rebasing: host[place.bytes])
    }

    /// Memory that outlives a run, poisoned until it is filled.
    package func state(_ name: String) -> UnsafeMutableRawBufferPointer {
        guard
            let place = order.first(where: {
                if case .state(let slot)? = plan.locations[$0.tensor.id] { slot.name == name } else { false }
            })
        else {
            preconditionFailure("the plan has no state \(name)")
        }
        return UnsafeMutableRawBufferPointer(rebasing: host[place.bytes])
    }

    /// Runs every dispatch of the plan, each by itself, and tells what they did beyond their declarations.
    package func findings() throws -> [Finding] {
        var findings: [Finding] = []
        for step in plan.steps { findings += try run(step) }
        return findings
    }

    private func run(_ step: Plan.Step) throws -> [Finding] {
        let dispatch = step.dispatch
        let written = dispatch.writes.compactMap { places[$0.tensor.id] }
        try memory.invalidate()
        let before = [UInt32](host.bindMemory(to: UInt32.self))
        try execute(step)
        try memory.invalidate()
        let after = host.bindMemory(to: UInt32.self)

        var findings: [Finding] = []
        let inside = written.map { $0.bytes.lowerBound / 4..<$0.bytes.upperBound / 4 }.sorted {
            $0.lowerBound < $1.lowerBound
        }
        var start = 0
        for range in inside + [after.count..<after.count] {
            let gap = start..<max(start, range.lowerBound)
            if let word = gap.first(where: { before[$0] != after[$0] }) {
                let hit = order.last { $0.bytes.lowerBound <= word * 4 } ?? order[0]
                findings.append(
                    .wroteOutside(label: step.label, tensor: hit.name, byte: word * 4 - hit.bytes.lowerBound))
            }
            start = max(start, range.upperBound)
        }
        // The pixel passes fill as much of their results as the image at hand needs, and the first two make packed pixels;
        // attention over a cache fills as many parts as the device runs apart.
        let fillsPart = [
            Catalog.unpackPixels, Catalog.resizeFirst, Catalog.resizeSecond, Catalog.resizeOnce,
            Catalog.attentionDecode,
        ].contains(dispatch.kernel)
        let makesWords = [Catalog.unpackPixels, Catalog.resizeFirst].contains(dispatch.kernel)
        for place in written {
            let words = place.bytes.lowerBound / 4..<place.bytes.upperBound / 4
            if case .arrivals? = plan.locations[place.tensor.id] {
                if let word = words.first(where: { after[$0] != 0 }) {
                    findings.append(.leftCounting(label: step.label, counter: word - words.lowerBound))
                }
            } else if !fillsPart && !place.isState, let word = words.first(where: { after[$0] == place.poison }) {
                findings.append(.leftUnwritten(label: step.label, tensor: place.name, word: word - words.lowerBound))
            } else if !makesWords, let element = firstNaN(after, words, place) {
                findings.append(.producedNaN(label: step.label, tensor: place.name, element: element))
            }
        }
        return findings
    }

    /// The first element that is NaN, words that were never written left out.
    private func firstNaN(
        _ words: UnsafeMutableBufferPointer<UInt32>, _ range: Range<Int>, _ place: Place
    ) -> Int? {
        switch place.tensor.format {
        case .plain(let type):
            return range.first { words[$0] != place.poison && type.isNaN(inWord: words[$0]) }.map {
                ($0 - range.lowerBound) * 4 / type.byteCount
            }
        case .quantized(let format):
            // Any code is a number; a group's halves may be none.
            let columns = place.tensor.columns
            let rowWords = format.rowByteCount(columns: columns) / 4
            let codeWords = format.codeByteCount(columns: columns) / 4
            func halves(_ word: Int) -> Int { (word - range.lowerBound) % rowWords - codeWords }
            return range.first {
                halves($0) >= 0 && words[$0] != place.poison && StorageType.f16.isNaN(inWord: words[$0])
            }.map { word in
                let group = halves(word) * 2 / format.halvesPerGroup
                return (word - range.lowerBound) / rowWords * columns + group * QuantizedFormat.groupSize
            }
        }
    }

    private func execute(_ step: Plan.Step) throws {
        try memory.flush()
        let commands = try CommandBuffer(on: gpu.device, label: step.label)
        try commands.begin()
        for buffer in [memory, saturations] { commands.keepAlive(buffer) }
        commands.bind(try gpu.pipeline(for: step.dispatch))
        withUnsafeTemporaryAllocation(byteCount: step.dispatch.kernel.pushByteCount, alignment: 8) { bytes in
            step.dispatch.pack(into: bytes, saturations: saturations.address) { operand, field in
                guard let place = places[operand.tensor.id] else {
                    preconditionFailure("\(operand.tensor) has no place")
                }
                let offset = place.bytes.lowerBound + operand.byteOffset + displacements[field, default: 0]
                return memory.address + UInt64(offset)
            }
            commands.push(UnsafeRawBufferPointer(bytes))
        }
        commands.dispatch(base: [0, 0, 0], groups: step.dispatch.groups)
        commands.barrier(from: .compute, to: .host)
        try commands.end()
        _ = try gpu.device.queue.wait(for: try gpu.device.queue.submit([commands]))
    }
}
