import PerceptCheckpoint
package import PerceptFiles
package import PerceptNumbers

/// Collects tensors and writes them as one `.safetensors` file.
package struct SafetensorsWriter {
    private struct Entry {
        let name: String
        let type: ElementType
        let shape: [Int]
        let bytes: [UInt8]
    }

    /// Text pairs for the header's `__metadata__`.
    package var metadata: [String: String] = [:]
    private var entries: [Entry] = []

    package init() {}

    /// Adds a tensor of single-precision elements in row-major order; names must differ.
    package mutating func add(_ name: String, _ shape: [Int], _ elements: [Float]) {
        precondition(shape.reduce(1, *) == elements.count)
        add(name, shape, .f32, elements.withUnsafeBytes { Array($0) })
    }

    /// Adds a tensor from its little-endian bytes in row-major order; names must differ.
    package mutating func add(_ name: String, _ shape: [Int], _ type: ElementType, _ bytes: [UInt8]) {
        precondition(shape.reduce(type.size, *) == bytes.count && !entries.contains { $0.name == name })
        entries.append(Entry(name: name, type: type, shape: shape, bytes: bytes))
    }

    /// Writes the file; it appears under its name only when complete.
    package func write(to path: String) throws(OutputError) {
        // Wide elements first keeps every tensor aligned to its element size.
        let ordered = entries.sorted { ($0.type.size, $1.name) > ($1.type.size, $0.name) }
        let lines = ordered.map {
            SafetensorsHeader.Entry(name: $0.name, type: $0.type, shape: $0.shape, byteCount: $0.bytes.count)
        }
        var file = try NewFile(path: path)
        try file.write(SafetensorsHeader.bytes(lines, metadata: metadata))
        for entry in ordered { try file.write(entry.bytes) }
        try file.commit()
    }
}
