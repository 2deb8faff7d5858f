#if Media
    public import Foundation
    import PerceptMedia

    /// What is drawn over a frame of a video.
    public struct FrameAnnotation {
        /// Labels with how probable they are, from 0 to 1: bars in the upper left.
        public var labels: [(text: String, probability: Float)] = []
        /// Lines of text at the bottom, given how many letters fit one; the last few are drawn.
        public var lines: (_ columns: Int) -> [String] = { _ in [] }
        /// Colours that are mixed in, as R, G, B for places from 0 to 1 across and down, and how much of the picture they take.
        public var colours: (share: Float, at: (_ x: Float, _ y: Float) -> (UInt8, UInt8, UInt8))?

        public init() {}

        private static let mostLines = 3
        /// Green, limited-range.
        private static let bar: (y: UInt8, cb: UInt8, cr: UInt8) = (145, 54, 34)

        fileprivate func draw(on canvas: VideoCanvas) {
            if let colours { canvas.blend(colours.share, colours.at) }
            let (scale, line) = (canvas.textScale, canvas.lineHeight)
            if !labels.isEmpty {
                canvas.shade(x: 0, y: 0, width: canvas.width, height: labels.count * line + 2 * scale)
            }
            for (row, label) in labels.enumerated() {
                let y = row * line + 2 * scale
                let bar = Int(Double(label.probability) * Double(canvas.width / 4))
                canvas.fill(x: 2 * scale, y: y, width: bar, height: BitmapFont.height * scale, Self.bar)
                canvas.write(label.text, x: canvas.width / 4 + 4 * scale, y: y)
            }
            let columns = max(canvas.width / ((BitmapFont.width + 1) * scale) - 1, 1)
            let lines = lines(columns).suffix(Self.mostLines)
            let top = canvas.height - lines.count * line - 2 * scale
            if !lines.isEmpty { canvas.shade(x: 0, y: top, width: canvas.width, height: canvas.height - top) }
            for (row, text) in lines.enumerated() {
                canvas.write(text, x: 2 * scale, y: top + row * line + 2 * scale)
            }
        }
    }

    /// Writes frames with what is drawn over them as an MP4 file, upright and in the size of the first.
    ///
    /// The file takes its name when it is finished; what a process that was killed leaves under the name with `.partial` can be
    /// read. A writer belongs to the thread that uses it.
    public final class AnnotatedVideoWriter {
        private let writer: VideoWriter

        /// Where a recording that an earlier run did not finish is now, if this one took its name.
        public var keptAside: String? { writer.keptAside }

        /// - Parameter url: of the file to write.
        /// - Throws: ``PerceptError`` for a place that cannot be written to, and where FFmpeg has no encoder for it.
        public convenience init(to url: URL) throws(PerceptError) { try self.init(path: PerceptError.path(url)) }

        /// - Parameter path: as `FileName` carries it.
        package init(path: String) throws(PerceptError) {
            writer = try PerceptError.wrap { try VideoWriter(path) }
        }

        /// Appends a frame.
        ///
        /// - Parameter seconds: when it is shown; later than the frame before.
        public func write(
            _ image: Image, at seconds: Double, _ annotation: FrameAnnotation
        ) throws(PerceptError) {
            try PerceptError.wrap { try writer.write(image.frame, at: seconds) { annotation.draw(on: $0) } }
        }

        /// Completes the file; without a frame there is none.
        public func finish() throws(PerceptError) { try PerceptError.wrap { try writer.finish() } }

        /// The characters of a text that are drawn as boxes, each once: there are Latin letters alone.
        public static func undrawn(in text: String) -> String { BitmapFont.undrawn(in: text) }
    }
#endif
