package import PerceptGraph
package import PerceptRuntime

/// Where a program reads an image.
///
/// Unchecked, since the memory of a program that is not running belongs to whoever fills it, who keeps the program.
package struct StagedImage: @unchecked Sendable {
    private let header: UnsafeMutableRawBufferPointer
    private let source: UnsafeMutableRawBufferPointer

    package init(_ slot: ImageSlot, of program: Program) {
        header = program.input(slot.header)
        source = program.input(slot.source)
    }

    /// - Parameter index: of the image in its batch.
    package func write(_ input: ImageInput, index: Int = 0) {
        input.writeHeader(to: header, index: index)
        input.writePixels(to: source)
    }

    /// Writes no header: that of a frame like this one must be there.
    package func writePixels(of input: ImageInput) { input.writePixels(to: source) }
}

/// Where a program reads a tensor of 32-bit values.
///
/// Unchecked as `StagedImage`.
struct StagedTensor: @unchecked Sendable {
    private let memory: UnsafeMutableRawBufferPointer

    init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    /// Writes values that follow one another as rows of `columns`, padded to `stride` with zeros; what they do not reach
    /// is zero.
    func write(_ parts: [[Float]], _ columns: Int, _ stride: Int) {
        memory.initializeMemory(as: UInt8.self, repeating: 0)
        let floats = memory.bindMemory(to: Float.self)
        var row = 0
        for values in parts {
            for start in Swift.stride(from: 0, to: values.count, by: columns) {
                for (column, value) in values[start..<min(start + columns, values.count)].enumerated() {
                    floats[row * stride + column] = value
                }
                row += 1
            }
        }
    }
}
