public import Foundation
import PerceptCheckpoint
import PerceptFiles
import PerceptNumbers

/// Writes arrays of single-precision numbers to a file, a part at a time: however large they are, no more of them is in
/// memory than the part at hand.
///
/// Numbers are written in row-major order and little-endian. The file takes its name with ``finish()``: until then it lies
/// beside it under another one, and it is removed when the writer goes before that. A link is followed, a file that is replaced
/// keeps its permissions, and a pipe or a device is written as it is.
///
/// ```swift
/// var file = try ArrayWriter(
///     to: URL(filePath: "embeddings.npy"), arrays: [.init("embeddings", [photos.count, encoder.embeddingWidth])])
/// for photo in photos { try await file.write(encoder.embed([photo])[0].values) }
/// try file.finish()
/// ```
public struct ArrayWriter: ~Copyable {
    /// The format of a file, whose raw value is the end of its name.
    public enum Format: String, Sendable, CaseIterable {
        /// NumPy's format in version 1.0, which holds one array without a name.
        case npy
        /// The format of Hugging Face, which holds arrays with names and pairs of texts that tell about them.
        case safetensors
    }

    /// An array that a file is going to hold.
    public struct Entry: Sendable, Hashable {
        /// What the array is called in a `.safetensors` file; an `.npy` file has no room for it.
        public var name: String
        /// The array's sides, the slowest first: `[images, width]` of embeddings. Without any it is a single number.
        public var shape: [Int]

        /// Describes an array by its name and its sides.
        public init(_ name: String, _ shape: [Int]) { (self.name, self.shape) = (name, shape) }
    }

    private let path: String
    private var array: NPYStream?
    private var tensors: SafetensorsStream?
    /// Numbers that still have to come.
    private var left: Int
    private var isFinished = false

    /// Whether it is a file, and no pipe or device.
    package let isFile: Bool

    /// Starts a file.
    ///
    /// - Parameters:
    ///   - url: where the file is going to be.
    ///   - format: the format of the file; nil takes the one that its name ends in.
    ///   - arrays: what is going to be written, in this order; an `.npy` file takes one.
    ///   - metadata: texts that go into the header of a `.safetensors` file; an `.npy` file takes none.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for what a file of the format cannot hold, for a name that
    ///   ends in no format and for an address that is not of a file; with ``PerceptError/Code/outputFault`` where the file
    ///   cannot be written.
    public init(
        to url: URL, as format: Format? = nil, arrays: [Entry], metadata: [String: String] = [:]
    ) throws(PerceptError) {
        let path = try PerceptError.path(url)
        guard let format = format ?? Format(rawValue: FileName.suffix(path)) else {
            throw PerceptError(.usage, "\(path): its name ends neither in .npy nor in .safetensors")
        }
        try self.init(path: path, as: format, arrays: arrays, metadata: metadata)
    }

    /// - Parameter path: as `FileName` carries it.
    package init(
        path: String, as format: Format, arrays: [Entry], metadata: [String: String] = [:]
    ) throws(PerceptError) {
        var count = 0
        for entry in arrays {
            let elements = elementCount(entry.shape)
            let (sum, overflow) = count.addingReportingOverflow(elements ?? 0)
            // As many bytes as there is a number for.
            guard elements != nil, !overflow, sum <= Int.max / 8 else {
                throw PerceptError(.usage, "\(path): no array has the sides \(entry.shape)")
            }
            count = sum
        }
        guard Set(arrays.map(\.name)).count == arrays.count else {
            throw PerceptError(.usage, "\(path): two arrays have one name")
        }
        guard format != .npy || arrays.count == 1 && metadata.isEmpty else {
            throw PerceptError(.usage, "\(path): an .npy file holds one array, and nothing else")
        }
        var array: NPYStream?
        var tensors: SafetensorsStream?
        do throws(OutputError) {
            switch format {
            case .npy: array = try NPYStream(to: path, shape: arrays[0].shape)
            case .safetensors:
                let entries = arrays.map {
                    SafetensorsStream.Entry(name: $0.name, content: .elements(.f32), shape: $0.shape)
                }
                tensors = try SafetensorsStream(to: path, entries, metadata: metadata)
            }
        } catch {
            throw PerceptError(error)
        }
        isFile = array?.isFile ?? tensors?.isFile ?? true
        self.array = array
        self.tensors = tensors
        self.path = path
        left = count
    }

    /// Appends numbers, which go on where those before ended: a row, several, or a part of one.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for more numbers than the arrays hold, with
    ///   ``PerceptError/Code/outputFault`` where they cannot be written.
    public mutating func write(_ elements: [Float]) throws(PerceptError) {
        guard elements.count <= left else {
            throw PerceptError(.usage, "\(path): \(elements.count) numbers came where \(left) are missing")
        }
        do throws(OutputError) {
            try array?.write(elements)
            try tensors?.write(elements)
        } catch {
            throw PerceptError(error)
        }
        left -= elements.count
    }

    /// Gives the file its name, once it is on the disk; a file that had the name is replaced.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` where numbers are missing or the file was finished before,
    ///   with ``PerceptError/Code/outputFault`` where it cannot be written.
    public mutating func finish() throws(PerceptError) {
        guard left == 0, !isFinished else {
            throw PerceptError(
                .usage, "\(path): " + (isFinished ? "is finished already" : "\(left) numbers are missing"))
        }
        do throws(OutputError) {
            try array?.commit()
            try tensors?.commit()
        } catch {
            throw PerceptError(error)
        }
        isFinished = true
    }
}
