public import Foundation
import PerceptCheckpoint
import PerceptFiles

/// Writes the embeddings of a stream to a file as they come, however long it is: none is kept in memory.
///
/// The file is a structured NumPy array of one dimension, with the fields `frame` (int64), `time` (float64, seconds) and
/// `embedding` (float32, as many as an embedding has). It takes its name with ``finish()``. What a process leaves that was killed
/// before can be read, up to the last second of it: it has `.partial` behind its name.
public struct EmbeddingRecording: ~Copyable {
    private var rows: NPYRecordWriter
    private let path: String
    private let width: Int
    /// When the rows were last counted in their file.
    private var counted = ContinuousClock.now

    /// Where a recording that an earlier run did not finish is now, if this one took its name.
    package var keptAside: String? { rows.keptAside }

    /// Starts a recording.
    ///
    /// - Parameters:
    ///   - url: where the file is going to be, which is no pipe: how many rows there are is in front of them.
    ///   - width: numbers of an embedding, as ``PerceptionEncoder/embeddingWidth`` says.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for a pipe and for an address that is not of a file, with
    ///   ``PerceptError/Code/outputFault`` where the file cannot be written.
    public init(to url: URL, width: Int) throws(PerceptError) {
        try self.init(path: try PerceptError.path(url), width: width)
    }

    /// - Parameter path: as `FileName` carries it.
    package init(path: String, width: Int) throws(PerceptError) {
        guard width > 0 else { throw PerceptError(.usage, "\(path): no embedding has \(width) numbers") }
        do throws(OutputError) {
            rows = try NPYRecordWriter(
                to: path,
                fields: [.init("frame", .int64), .init("time", .float64), .init("embedding", .float32, count: width)],
                as: .recording)
        } catch {
            throw PerceptError(error)
        }
        self.path = path
        self.width = width
    }

    /// Appends a row.
    ///
    /// - Parameters:
    ///   - frame: the frame's number in its stream.
    ///   - time: seconds since the stream began.
    ///   - embedding: the embedding of the frame.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for an embedding of another width, with
    ///   ``PerceptError/Code/outputFault`` where the row cannot be written.
    public mutating func append(frame: Int, time: Double, embedding: Embedding) throws(PerceptError) {
        guard embedding.values.count == width else {
            throw PerceptError(
                .usage, "\(path): an embedding of \(embedding.values.count) numbers came, not of \(width)")
        }
        do throws(OutputError) {
            try rows.append { row in
                row.append(Int64(frame))
                row.append(time)
                row.append(embedding.values)
            }
            // For who reads what a killed process left.
            guard counted.duration(to: .now) >= .seconds(1) else { return }
            try rows.stateCount()
            counted = .now
        } catch {
            throw PerceptError(error)
        }
    }

    /// Gives the file its name, once it is on the disk; a file that had the name is replaced.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/outputFault`` where the file cannot be written.
    public mutating func finish() throws(PerceptError) {
        do throws(OutputError) { try rows.commit() } catch { throw PerceptError(error) }
    }
}
