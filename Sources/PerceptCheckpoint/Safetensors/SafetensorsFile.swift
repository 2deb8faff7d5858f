import PerceptJSON
import PerceptNumbers

/// A `.safetensors` file: a length of 8 bytes, a JSON header, then the elements of all tensors without gaps.
///
/// The checks are those of the format's description: the header is at most 100 MB and lies in the file, names are
/// unique, byte ranges cover the data exactly once, and shape times element size is the length of the range. Tensors of
/// quantised rows are those matrices (``QuantizationTable``).
package struct SafetensorsFile: Sendable {
    /// In the order of the header.
    package let tensors: [CheckpointTensor]
    /// The free text pairs of `__metadata__`.
    package let metadata: [String: String]

    private static let longestHeader = 100_000_000

    /// Whether the bytes begin as such a file: with a length that lies within them, and an object.
    static func isLikely(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count > 8, bytes[8] == UInt8(ascii: "{") else { return false }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        return length <= UInt64(min(bytes.count - 8, longestHeader))
    }

    package init(_ file: MappedFile) throws(CheckpointError) {
        var cursor = ByteCursor(file.bytes, file: file.path)
        let length = try cursor.size64()
        guard length > 0, length <= Self.longestHeader else {
            throw .malformed(
                file: file.path,
                reason: "a header of \(length) bytes is none of the format; this is no safetensors file")
        }
        let header = try cursor.take(length)
        guard header.first == UInt8(ascii: "{"), let members = try JSON(header, file: file.path).members else {
            throw .malformed(file: file.path, reason: "the header is not a JSON object")
        }
        var entries: [Entry] = []
        var metadata: [String: String] = [:]
        for member in members {
            if member.name == "__metadata__" {
                for pair in member.value.members ?? [] { metadata[pair.name] = pair.value.string }
            } else {
                entries.append(try Entry(member, file: file.path))
            }
        }
        try Self.requireExactCover(entries, data: file.count - cursor.position, file: file.path)
        self.metadata = metadata
        var tensors: [CheckpointTensor] = []
        tensors.reserveCapacity(entries.count)
        for entry in entries {
            tensors.append(try entry.tensor(in: file, dataStart: cursor.position))
        }
        self.tensors = try QuantizationTable(metadata: metadata, file: file.path)
            .applied(to: tensors, file: file.path)
    }

    /// Checks that the ranges follow one another from 0 to the end of the file.
    private static func requireExactCover(_ entries: [Entry], data: Int, file: String) throws(CheckpointError) {
        var end = 0
        for entry in entries.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
            guard entry.begin == end else {
                let what = entry.begin < end ? "overlaps the tensor before it" : "leaves a gap before it"
                throw .malformed(file: file, reason: "tensor '\(entry.name)' \(what)")
            }
            end = entry.end
        }
        guard end <= data else { throw .truncated(file: file, needed: end, found: data) }
        guard end == data else { throw .malformed(file: file, reason: "\(data - end) bytes follow the last tensor") }
    }
}

extension SafetensorsFile {
    /// One line of the header; `begin` and `end` count from the first byte after it.
    private struct Entry {
        let name: String
        /// Nil for a type that is not read, which ``typeName`` names.
        let type: ElementType?
        let typeName: String
        let shape: [Int]
        let begin: Int
        let end: Int

        init(_ member: JSON.Member, file: String) throws(CheckpointError) {
            name = member.name
            guard let typeName = member.value["dtype"]?.string else {
                throw .malformed(file: file, reason: "tensor '\(name)' has no dtype")
            }
            self.typeName = typeName
            type = ElementType(safetensorsName: typeName)
            let sides = member.value["shape"]?.array
            shape = sides?.compactMap(\.integer) ?? []
            guard let sides, shape.count == sides.count, let count = elementCount(shape) else {
                throw .malformed(file: file, reason: "tensor '\(name)' has no valid shape")
            }
            let offsets = member.value["data_offsets"]?.array?.compactMap(\.integer) ?? []
            guard offsets.count == 2, offsets[0] >= 0, offsets[1] >= offsets[0] else {
                throw .malformed(file: file, reason: "tensor '\(name)' has no valid data_offsets")
            }
            begin = offsets[0]
            end = offsets[1]
            guard let type else { return }
            let (size, overflow) = count.multipliedReportingOverflow(by: type.size)
            guard !overflow, size == end - begin else {
                throw .malformed(
                    file: file,
                    reason: "tensor '\(name)' of shape \(shape) and type \(typeName) cannot have \(end - begin) bytes")
            }
        }

        func tensor(in file: MappedFile, dataStart: Int) throws(CheckpointError) -> CheckpointTensor {
            guard let type else {
                return CheckpointTensor(name: name, shape: shape, in: file, foreign: "the element type '\(typeName)'")
            }
            guard
                let block = StridedBlock(
                    file: file, elementType: type, offset: dataStart + begin, shape: shape,
                    strides: StridedBlock.contiguousStrides(shape), available: end - begin)
            else { throw .malformed(file: file.path, reason: "tensor '\(name)' lies outside the file") }
            return CheckpointTensor(name: name, block: block)
        }
    }
}
