import PerceptCheckpoint
import PerceptFiles
import PerceptGraph
import PerceptJSON
package import PerceptModels
package import PerceptNumbers
import PerceptRuntime

/// What becomes of a checkpoint's tensors when it is quantised, and which file each goes to.
package struct QuantizationPlan {
    private struct Shard {
        let name: String
        let entries: [SafetensorsStream.Entry]
    }

    private let shards: [Shard]
    /// The tensors in transformers' naming and order.
    private let tensors: Checkpoint
    package let sourceBytes: Int

    /// Rows made at a time.
    private static let bandBytes = 32 << 20

    /// - Parameters:
    ///   - format: of most matrices.
    ///   - shardBytes: most bytes of a file, unless a tensor alone has more.
    package init(_ checkpoint: PLMCheckpoint, _ format: QuantizedFormat, shardBytes: Int) throws {
        let formats = LanguageMemory.quantizedRows(checkpoint.config, format)
        let published = try checkpoint.transformersTensors()
        tensors = try Checkpoint(path: checkpoint.directory, tensors: published.map(\.tensor))
        sourceBytes = tensors.tensors.reduce(0) { $0 + $1.rows * $1.storedRowByteCount }
        var groups: [[SafetensorsStream.Entry]] = [[]]
        var bytes = 0
        for (canonical, tensor) in published {
            // What is not quantised stays as it is, so that every precision makes of it what it makes of the original.
            let content =
                formats[canonical].map { SafetensorsStream.Entry.Content.rows($0) } ?? .elements(tensor.elementType)
            let entry = SafetensorsStream.Entry(name: tensor.name, content: content, shape: tensor.shape)
            if bytes > 0, bytes + entry.byteCount > shardBytes {
                groups.append([])
                bytes = 0
            }
            groups[groups.count - 1].append(entry)
            bytes += entry.byteCount
        }
        shards = groups.enumerated().map { index, entries in
            Shard(
                name: groups.count == 1
                    ? "model.safetensors"
                    : "model-\(Self.padded(index + 1))-of-\(Self.padded(groups.count)).safetensors",
                entries: SafetensorsStream.ordered(entries))
        }
    }

    /// As transformers numbers files.
    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(5 - digits.count, 0)) + digits
    }

    private var entries: [SafetensorsStream.Entry] { shards.flatMap(\.entries) }

    /// Numbers and bytes of tensors by the way they are stored.
    package var summary: [(format: String, count: Int, bytes: Int)] {
        Dictionary(grouping: entries, by: \.content.word).map { word, entries in
            (word, entries.count, entries.reduce(0) { $0 + $1.byteCount })
        }.sorted { ($0.bytes, $1.format) > ($1.bytes, $0.format) }
    }

    /// Writes the files of weights, and their index where there are several.
    ///
    /// - Throws: ``CheckpointError``; ``OutputError``; ``Refusal`` of kind badData for values that a format does not
    ///   hold; `CancellationError`.
    package func write(to folder: String, progress: (Double) -> Void) throws {
        let total = entries.reduce(0) { $0 + $1.byteCount }
        let largestRow = tensors.tensors.reduce(0) { max($0, $1.storedRowByteCount) }
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: max(Self.bandBytes, largestRow), alignment: 64)
        defer { buffer.deallocate() }
        var done = 0
        for shard in shards {
            var stream = try SafetensorsStream(to: folder + "/" + shard.name, shard.entries)
            for entry in shard.entries {
                try forEachBand(of: entry, buffer) { bytes in
                    try stream.write(bytes)
                    done += bytes.count
                    progress(Double(done) / Double(max(total, 1)))
                }
            }
            try stream.commit()
        }
        if shards.count > 1 { try writeIndex(to: folder, total: total) }
    }

    /// Makes a tensor's data in `buffer`, some rows at a time.
    private func forEachBand(
        of entry: SafetensorsStream.Entry, _ buffer: UnsafeMutableRawBufferPointer,
        _ body: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        let tensor = try tensors.tensor(entry.name, entry.shape)
        let rowBytes = entry.byteCount / max(tensor.rows, 1)
        guard let base = buffer.baseAddress, rowBytes > 0 else { return }
        let band = buffer.count / rowBytes
        for first in stride(from: 0, to: tensor.rows, by: band) {
            try Task.checkCancellation()
            let rows = first..<min(first + band, tensor.rows)
            let bytes = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(rows.count * rowBytes)])
            switch entry.content {
            case .elements: try tensor.copyStoredRows(rows, to: base)
            case .rows(let format):
                let layout = StoredLayout(Weight(entry.name, entry.shape), .quantized(format))
                _ = try layout.write(rows, from: CheckpointWeights(tensors), to: bytes)
                guard QuantizedRows.areFinite(UnsafeRawBufferPointer(bytes), columns: tensor.columns, format: format)
                else {
                    throw Refusal(
                        .badData,
                        "\(tensor.file): tensor '\(entry.name)' has values that \(format) does not hold: not finite, or too "
                            + "large")
                }
            }
            try body(UnsafeRawBufferPointer(bytes))
        }
    }

    /// The `model.safetensors.index.json` of several files.
    private func writeIndex(to folder: String, total: Int) throws {
        let places = shards.flatMap { shard in shard.entries.map { JSON.Member($0.name, .string(shard.name)) } }
        let index = JSON.members([
            "metadata": .members(["total_size": .integer(total)]),
            "weight_map": .object(places.sorted { $0.name < $1.name }),
        ])
        try NewFile.write(Array(index.text(isIndented: true).utf8), to: folder + "/model.safetensors.index.json")
    }
}

extension SafetensorsStream.Entry.Content {
    /// As a summary calls it.
    fileprivate var word: String {
        switch self {
        case .elements(let type): type.rawValue
        case .rows(let format): format.description
        }
    }
}
