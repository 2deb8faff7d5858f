import PerceptCheckpoint
import PerceptNumbers
import Testing

/// Checks that two files give the same numbers of a tensor, one by one and as the loader copies their rows.
func expectSame(_ tensor: CheckpointTensor, _ expected: CheckpointTensor, _ name: String) throws {
    #expect(try tensor.values() == expected.values(), "\(name)")
    for type in StorageType.allCases {
        #expect(try rows(tensor, type) == rows(expected, type), "\(name) \(type)")
    }
}

/// The rows from the second on, padded.
private func rows(_ tensor: CheckpointTensor, _ type: StorageType) throws -> [UInt8] {
    let stride = tensor.columns + 5
    let wanted = min(1, tensor.rows - 1)..<tensor.rows
    var bytes = [UInt8](repeating: 7, count: wanted.count * stride * type.byteCount)
    try bytes.withUnsafeMutableBytes { buffer in
        _ = try tensor.copyRows(wanted, as: type, to: #require(buffer.baseAddress), rowStride: stride)
    }
    return bytes
}
