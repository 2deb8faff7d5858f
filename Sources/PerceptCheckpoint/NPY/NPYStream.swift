package import PerceptFiles

/// Writes an array as a NumPy `.npy` file a part at a time: version 1.0, little-endian float32, C order. It appears under its
/// name only when complete.
package struct NPYStream: ~Copyable {
    private var file: NewFile
    private var left: Int

    /// Whether it is a file, and no pipe or device.
    package var isFile: Bool { file.isFile }

    package init(to path: String, shape: [Int]) throws(OutputError) {
        let file = try NewFile(path: path)
        try file.write(NPYWriter.header(shape: shape))
        self.file = file
        left = shape.reduce(1, *)
    }

    /// Appends a part of the elements.
    package mutating func write(_ elements: [Float]) throws(OutputError) {
        precondition(elements.count <= left, "more elements than the header says")
        try file.write(elements)
        left -= elements.count
    }

    /// Gives the file its name.
    package mutating func commit() throws(OutputError) {
        precondition(left == 0, "\(left) elements less than the header says")
        try file.commit()
    }
}
