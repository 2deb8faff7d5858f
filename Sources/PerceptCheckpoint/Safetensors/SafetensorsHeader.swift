import PerceptJSON
import PerceptNumbers

/// The first part of a safetensors file: what is in it and where.
struct SafetensorsHeader {
    /// A tensor's line.
    struct Entry {
        let name: String
        let type: ElementType
        let shape: [Int]
        let byteCount: Int
    }

    /// The length of 8 bytes and the JSON, filled up with spaces to a multiple of 64 bytes, so that kernels may read the
    /// data where it lies.
    ///
    /// - Parameter entries: in the order of their data.
    static func bytes(_ entries: [Entry], metadata: [String: String]) -> [UInt8] {
        var header = "{"
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\(JSON.quoted($0.key)):\(JSON.quoted($0.value))" }
            header += "\"__metadata__\":{\(pairs.joined(separator: ","))}"
        }
        var offset = 0
        for entry in entries {
            if header.count > 1 { header += "," }
            let sides = entry.shape.map(String.init).joined(separator: ",")
            header += "\(JSON.quoted(entry.name)):{\"dtype\":\"\(entry.type.safetensorsName)\",\"shape\":[\(sides)],"
            header += "\"data_offsets\":[\(offset),\(offset + entry.byteCount)]}"
            offset += entry.byteCount
        }
        header += "}"
        header += String(repeating: " ", count: (64 - (header.utf8.count + 8) % 64) % 64)
        return withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Array($0) } + Array(header.utf8)
    }
}
