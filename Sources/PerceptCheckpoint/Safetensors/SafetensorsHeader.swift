import PerceptJSON
package import PerceptNumbers

/// The first part of a safetensors file: what is in it and where.
package struct SafetensorsHeader {
    /// A tensor's line.
    package struct Entry {
        let name: String
        let type: ElementType
        let shape: [Int]
        let byteCount: Int

        package init(name: String, type: ElementType, shape: [Int], byteCount: Int) {
            self.name = name
            self.type = type
            self.shape = shape
            self.byteCount = byteCount
        }
    }

    /// The length of 8 bytes and the JSON, filled up with spaces to a multiple of 64 bytes, so that kernels may read the
    /// data where it lies.
    ///
    /// - Parameter entries: in the order of their data.
    package static func bytes(_ entries: [Entry], metadata: [String: String]) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            if !metadata.isEmpty {
                writer.name("__metadata__")
                writer.object { writer in
                    for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
                        writer.name(name)
                        writer.value(value)
                    }
                }
            }
            var offset = 0
            for entry in entries {
                writer.name(entry.name)
                writer.object { $0.write(entry, offset: offset) }
                offset += entry.byteCount
            }
        }
        var header = writer.text
        header += String(repeating: " ", count: (64 - (header.utf8.count + 8) % 64) % 64)
        return withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
    }
}

extension JSONWriter {
    /// The members of a tensor's entry.
    fileprivate mutating func write(_ entry: SafetensorsHeader.Entry, offset: Int) {
        name("dtype")
        value(entry.type.safetensorsName)
        name("shape")
        array { writer in
            for side in entry.shape { writer.value(side) }
        }
        name("data_offsets")
        array { writer in
            writer.value(offset)
            writer.value(offset + entry.byteCount)
        }
    }
}
