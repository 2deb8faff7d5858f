package import PerceptFiles

/// Writes one array as a NumPy `.npy` file: version 1.0, little-endian float32, C order
/// (NumPy: `numpy/lib/format.py`).
package enum NPYWriter {
    /// Writes `elements`, given in row-major order; the file appears under its name only when complete.
    package static func write(_ elements: [Float], shape: [Int], to path: String) throws(OutputError) {
        precondition(elementCount(shape) == elements.count)
        var file = try NewFile(path: path)
        try file.write(header(shape: shape))
        try file.write(elements)
        try file.commit()
    }

    /// What is in front of the elements.
    static func header(shape: [Int]) -> [UInt8] {
        // A Python tuple: one element needs its comma.
        let sides = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var header = "{'descr': '<f4', 'fortran_order': False, 'shape': (\(sides)), }"
        // Magic, version, length and header with its line feed take a multiple of 64 bytes.
        header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
        let length = UInt16(header.utf8.count)
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + Array(header.utf8)
    }
}
