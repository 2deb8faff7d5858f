package import PerceptFiles

/// Writes a matrix as a NumPy `.npy` file a row at a time: version 1.0, little-endian float32, C order. It appears under its
/// name only when complete.
package struct NPYStream: ~Copyable {
    private var file: NewFile
    private var left: Int

    /// Whether it is a file, and no pipe or device.
    package var isFile: Bool { file.isFile }

    package init(to path: String, rows: Int, columns: Int) throws(OutputError) {
        let file = try NewFile(path: path)
        try file.write(NPYWriter.header(shape: [rows, columns]))
        self.file = file
        left = rows * columns
    }

    /// Appends rows.
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
