package import PerceptGraph
package import PerceptNumbers
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
/// Quantised weights are encoded on their way up, unless they come in their format.
///
/// Weights are added by `load`, and neither change nor move until all are removed.
package final class WeightStore {
    private struct Key: Hashable {
        let weight: Weight
        let asked: WeightType
    }
    /// A weight at `offset` of a buffer, which may be memory of the host's `owner`.
    private struct Held {
        let buffer: Buffer
        var offset = 0
        var owner: AnyObject?
    }
    private let gpu: OpenDevice
    private var held: [Key: Held] = [:]
    /// The type each weight is held in: bf16 where f16 was asked for and could not hold a value.
    package private(set) var types: [Weight: WeightType] = [:]

    package init(on gpu: OpenDevice) { self.gpu = gpu }

    /// Bytes held.
    package var byteCount: Int { held.values.reduce(0) { $0 + $1.buffer.size } }

    /// Those of them that are pages of a file, read in place.
    package var importedByteCount: Int { held.values.reduce(0) { $0 + ($1.owner == nil ? 0 : $1.buffer.size) } }

    /// Weights that f16 could not hold and that are kept in bf16.
    package var keptInBF16: Set<String> {
        Set(held.keys.filter { $0.asked == .plain(.f16) && types[$0.weight] == .plain(.bf16) }.map(\.weight.name))
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
        let total = missing.reduce(0) { $0 + StoredLayout($1.weight, $1.type).byteCount }
        let available = gpu.device.availableMemory()
        guard UInt64(total) <= available else { throw RuntimeError.memory(needed: UInt64(total), available: available) }
        let staging = Staging(gpu)
        var done = 0
        for (weight, type) in missing {
            let size = StoredLayout(weight, type).byteCount
            let buffer = try Buffer(on: gpu.device, size: size, use: .device, label: weight.name)
            let fits = try fill(buffer, weight, type, provider, staging)
            if !fits { _ = try fill(buffer, weight, .plain(.bf16), provider, staging) }
            keep(Held(buffer: buffer), weight, asked: type, as: fits ? type : .plain(.bf16))
            done += size
            try progress(Double(done) / Double(max(total, 1)))
        }
        try staging.finish()
    }

    /// Lets go of all weights. Programs that read them must be gone.
    package func removeAll() {
        held = [:]
        types = [:]
    }

    func address(of weight: Weight, type: WeightType) -> UInt64? {
        // A weight kept in bf16 was asked for in f16.
        (held[Key(weight: weight, asked: type)] ?? held[Key(weight: weight, asked: .plain(.f16))]).map {
            $0.buffer.address + UInt64($0.offset)
        }
    }

    private func keep(_ found: Held, _ weight: Weight, asked: WeightType, as type: WeightType) {
        precondition(types[weight] == nil, "\(weight.name) is asked for in two types")
        held[Key(weight: weight, asked: asked)] = found
        types[weight] = type
    }

    /// Below this a weight is copied: an import takes one of the few allocations that a device allows.
    static let smallestImport = 1 << 20

    /// The weight where the host has it; nil where it has to be copied.
    private func importing(_ weight: Weight, _ type: WeightType, from provider: some WeightProvider) throws -> Held? {
        let layout = StoredLayout(weight, type)
        let physical = gpu.device.physical
        let alignment = physical.limits.minImportedHostPointerAlignment
        guard physical.isUnifiedMemory, physical.features.contains(.externalMemoryHost),
            // Pages are there to their end, whatever the file's length.
            alignment > 0, alignment <= getpagesize(), weight.padding == .none, weight.joined == .none,
            !type.isPlain || weight.storedShape[1].isMultiple(of: 8), layout.paddedRows == layout.storedRows,
            layout.byteCount >= Self.smallestImport,
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

    /// Writes the stored form, a band of rows at a time.
    ///
    /// - Returns: false as soon as a value does not fit the type.
    private func fill(
        _ buffer: Buffer, _ weight: Weight, _ type: WeightType, _ provider: some WeightProvider, _ staging: Staging
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
