package import PerceptGraph
import PerceptVulkan

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Device memory of a checkpoint's weights: uploaded once, shared by programs.
///
/// Where host and device share their memory and the driver takes the pages of a mapped file, large weights that the file
/// holds in the wanted form are not copied at all: the kernels read the file.
///
/// Weights are added by `load` and never change or move afterwards.
package final class WeightStore {
    private struct Key: Hashable {
        let weight: Weight
        let asked: StorageType
    }
    /// A weight at `offset` of a buffer, which may be memory of the host's `owner`.
    private struct Held {
        let buffer: Buffer
        var offset = 0
        var owner: AnyObject?
    }
    private let gpu: GPU
    private var held: [Key: Held] = [:]
    /// The type each weight is held in: bf16 where f16 was asked for and could not hold a value.
    package private(set) var types: [Weight: StorageType] = [:]

    package init(on gpu: GPU) { self.gpu = gpu }

    /// Bytes held.
    package var byteCount: Int { held.values.reduce(0) { $0 + $1.buffer.size } }

    /// Those of them that are pages of a file, read in place.
    package var importedByteCount: Int { held.values.reduce(0) { $0 + ($1.owner == nil ? 0 : $1.buffer.size) } }

    /// Weights that f16 could not hold and that are kept in bf16.
    package var keptInBF16: Set<String> {
        Set(held.keys.filter { $0.asked == .f16 && types[$0.weight] == .bf16 }.map(\.weight.name))
    }

    /// Uploads what `graph` asks for and the store does not hold yet.
    ///
    /// - Parameter progress: told the fraction done after each weight.
    package func load(
        _ graph: Graph, from provider: some WeightProvider, progress: (Double) throws -> Void = { _ in }
    ) throws {
        var missing = graph.weights.filter { held[Key(weight: $0.weight, asked: $0.type)] == nil }
        for (weight, type) in missing {
            guard let found = try importing(weight, type, from: provider) else { continue }
            keep(found, weight, asked: type, as: type)
        }
        missing.removeAll { held[Key(weight: $0.weight, asked: $0.type)] != nil }
        let total = missing.reduce(0) { $0 + Self.byteCount($1.weight, $1.type) }
        let available = gpu.device.availableMemory()
        guard UInt64(total) <= available else { throw RuntimeError.memory(needed: UInt64(total), available: available) }
        let staging = Staging(gpu)
        var done = 0
        for (weight, type) in missing {
            let size = Self.byteCount(weight, type)
            let buffer = try Buffer(on: gpu.device, size: size, use: .device, label: weight.name)
            let fits = try fill(buffer, weight, type, provider, staging)
            if !fits { _ = try fill(buffer, weight, .bf16, provider, staging) }
            keep(Held(buffer: buffer), weight, asked: type, as: fits ? type : .bf16)
            done += size
            try progress(Double(done) / Double(max(total, 1)))
        }
        try staging.finish()
    }

    func address(of weight: Weight, type: StorageType) -> UInt64? {
        // A weight kept in bf16 was asked for in f16.
        (held[Key(weight: weight, asked: type)] ?? held[Key(weight: weight, asked: .f16)]).map {
            $0.buffer.address + UInt64($0.offset)
        }
    }

    private func keep(_ found: Held, _ weight: Weight, asked: StorageType, as type: StorageType) {
        precondition(types[weight] == nil, "\(weight.name) is asked for in two types")
        held[Key(weight: weight, asked: asked)] = found
        types[weight] = type
    }

    /// Below this a weight is copied: an import takes one of the few allocations that a device allows.
    static let smallestImport = 1 << 20

    /// The weight where the host has it; nil where it has to be copied.
    private func importing(_ weight: Weight, _ type: StorageType, from provider: some WeightProvider) throws -> Held? {
        let layout = StoredLayout(weight, type)
        let physical = gpu.device.physical
        let alignment = physical.limits.minImportedHostPointerAlignment
        guard physical.isUnifiedMemory, physical.features.contains(.externalMemoryHost),
            // Pages are there to their end, whatever the file's length.
            alignment > 0, alignment <= getpagesize(), weight.padding == .none,
            layout.rowElements == weight.storedShape[1], layout.paddedRows == layout.storedRows,
            Self.byteCount(weight, type) >= Self.smallestImport,
            let host = try provider.rowsInPlace(weight.rows, of: weight, as: type),
            let base = host.bytes.baseAddress.map({ Int(bitPattern: $0) }), base.isMultiple(of: 16)
        else { return nil }
        let start = base / alignment * alignment
        guard let pages = UnsafeMutableRawPointer(bitPattern: start) else { return nil }
        do {
            let buffer = try Buffer.importing(
                hostPointer: pages, size: (base + host.bytes.count - start).roundedUp(to: alignment), on: gpu.device,
                label: weight.name)
            return Held(buffer: buffer, offset: base - start, owner: host.owner)
        } catch {
            // Not offered, or not these pages: drivers often refuse those of files.
            return nil
        }
    }

    private static func byteCount(_ weight: Weight, _ type: StorageType) -> Int {
        let layout = StoredLayout(weight, type)
        return layout.paddedRows * layout.rowByteCount
    }

    /// Writes the stored form, a band of rows at a time.
    ///
    /// - Returns: false as soon as a value does not fit the type.
    private func fill(
        _ buffer: Buffer, _ weight: Weight, _ type: StorageType, _ provider: some WeightProvider, _ staging: Staging
    ) throws -> Bool {
        let layout = StoredLayout(weight, type)
        var first = 0
        while first < layout.storedRows {
            let count = min(layout.storedRows - first, max(layout.rowGroup, Staging.byteCount / layout.rowByteCount))
            let rows = count == layout.storedRows ? count : count / layout.rowGroup * layout.rowGroup
            let fits = try staging.write(
                to: buffer, offset: first * layout.rowByteCount, size: rows * layout.rowByteCount
            ) { memory in
                try layout.write(first..<first + rows, from: provider, to: memory)
            }
            if !fits { return false }
            first += rows
        }
        let padding = (layout.paddedRows - layout.storedRows) * layout.rowByteCount
        guard padding > 0 else { return true }
        return try staging.write(to: buffer, offset: layout.storedRows * layout.rowByteCount, size: padding) { memory in
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            return true
        }
    }
}

/// How a weight's rows and columns lie in device memory: heads padded, rows padded to octets.
struct StoredLayout {
    let weight: Weight
    let type: StorageType
    let storedRows: Int
    let rowElements: Int

    init(_ weight: Weight, _ type: StorageType) {
        self.weight = weight
        self.type = type
        storedRows = weight.storedShape[0]
        rowElements = weight.storedShape[1].roundedUp(to: 8)
    }

    var rowByteCount: Int { rowElements * type.byteCount }

    /// A matrix's rows are the columns of a product, which are padded with zeros as all columns are.
    var paddedRows: Int { storedRows == 1 ? 1 : storedRows.roundedUp(to: 8) }

    /// Stored rows that have to be written together: a padded head.
    var rowGroup: Int { if case .rows(_, let padded) = weight.padding { padded } else { 1 } }

    /// Writes stored rows `rows`, which start and end on whole groups.
    func write(
        _ rows: Range<Int>, from provider: some WeightProvider, to memory: UnsafeMutableRawBufferPointer
    ) throws -> Bool {
        guard let base = memory.baseAddress else { return true }
        switch weight.padding {
        case .none:
            let source = weight.rows.lowerBound + rows.lowerBound..<weight.rows.lowerBound + rows.upperBound
            return try provider.copyRows(source, of: weight, as: type, to: base, rowStride: rowElements)
        case .rows(let group, let padded):
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            var fits = true
            for head in rows.lowerBound / padded..<rows.upperBound / padded {
                let source = weight.rows.lowerBound + head * group
                let target = base + (head * padded - rows.lowerBound) * rowByteCount
                fits =
                    try provider.copyRows(
                        source..<source + group, of: weight, as: type, to: target, rowStride: rowElements) && fits
            }
            return fits
        case .columns(let group, let padded):
            memory.initializeMemory(as: UInt8.self, repeating: 0)
            let columns = weight.columns.count
            let size = type.byteCount
            var fits = true
            let row = UnsafeMutableRawPointer.allocate(byteCount: columns * size, alignment: 16)
            defer { row.deallocate() }
            for index in rows {
                let source = weight.rows.lowerBound + index
                fits =
                    try provider.copyRows(
                        source..<source + 1, of: weight, as: type, to: row, rowStride: columns) && fits
                let target = base + (index - rows.lowerBound) * rowByteCount
                for head in 0..<columns / group {
                    (target + head * padded * size).copyMemory(
                        from: row + head * group * size, byteCount: group * size)
                }
            }
            return fits
        }
    }
}

/// Two slots of host-visible memory: one is filled while the device copies from the other.
///
/// Where the host sees a buffer's memory itself, it is written in place and nothing is copied.
final class Staging {
    static let byteCount = 32 << 20

    private struct Slot {
        var buffer: Buffer
        var commands: CommandBuffer
        var pending: SubmissionID?
    }
    private let gpu: GPU
    private var slots: [Slot] = []
    private var next = 0

    init(_ gpu: GPU) { self.gpu = gpu }

    func write(
        to target: Buffer, offset: Int, size: Int, _ fill: (UnsafeMutableRawBufferPointer) throws -> Bool
    ) throws -> Bool {
        if let mapped = target.mapped {
            let fits = try fill(UnsafeMutableRawBufferPointer(start: mapped + offset, count: size))
            try target.flush()
            return fits
        }
        if slots.count < 2 {
            slots.append(
                Slot(
                    buffer: try Buffer(
                        on: gpu.device, size: max(Self.byteCount, size), use: .upload, label: "staging"),
                    commands: try CommandBuffer(on: gpu.device, label: "staging"), pending: nil))
            next = slots.count - 1
        }
        if let pending = slots[next].pending { _ = try gpu.device.queue.wait(for: pending) }
        slots[next].pending = nil
        if slots[next].buffer.size < size {
            slots[next].buffer = try Buffer(on: gpu.device, size: size, use: .upload, label: "staging")
        }
        let slot = slots[next]
        guard let memory = slot.buffer.mapped else {
            throw VulkanError(code: VulkanError.outOfHostMemory, call: "vkMapMemory")
        }
        let fits = try fill(UnsafeMutableRawBufferPointer(start: memory, count: size))
        try slot.buffer.flush()
        try slot.commands.begin()
        // The target may be written a second time, when f16 did not hold it.
        slot.commands.barrier(from: .transfer, to: .transfer)
        slot.commands.copy(from: slot.buffer, offset: 0, to: target, offset: offset, size: size)
        try slot.commands.end()
        slots[next].pending = try gpu.device.queue.submit([slot.commands])
        next = (next + 1) % slots.count
        return fits
    }

    /// Waits for the copies; programs that read the target start with a barrier.
    func finish() throws {
        for slot in slots {
            if let pending = slot.pending { _ = try gpu.device.queue.wait(for: pending) }
        }
    }
}
