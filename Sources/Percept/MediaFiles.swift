#if Media
    public import Foundation
    import PerceptMedia

    extension Image {
        /// Decodes a file; its kind is read from its content, and an animation gives its first frame.
        ///
        /// - Throws: ``PerceptError`` naming the file and the fault.
        public init(contentsOf url: URL) throws(PerceptError) {
            self.init(try PerceptError.wrap { try ImageFile.decode(url.path) })
        }

        /// Decodes a file that is in memory.
        ///
        /// - Parameters:
        ///   - data: the bytes of the file.
        ///   - name: what error messages call it.
        /// - Throws: ``PerceptError`` naming `name` and the fault.
        public init(data: [UInt8], name: String) throws(PerceptError) {
            self.init(try PerceptError.wrap { try ImageFile.decode(data, name: name) })
        }
    }

    extension VideoClip {
        /// Opens a file and counts its frames, which reads it once.
        ///
        /// - Throws: ``PerceptError`` naming the file and the fault.
        public init(contentsOf url: URL) throws(PerceptError) {
            let path = url.path
            let reader = try PerceptError.wrap { try VideoReader(path) }
            self.init(url: url, frameCount: reader.frameCount, frameRate: reader.frameRate) { try VideoReader(path) }
        }
    }

    /// What a media file holds.
    public enum MediaKind: Sendable {
        /// A picture, or an animation, of which ``Image`` takes the first frame.
        case image
        /// A video for ``VideoClip``.
        case video

        /// Looks into a file; its name does not matter.
        ///
        /// - Throws: ``PerceptError`` naming the file and the fault.
        public static func of(_ url: URL) throws(PerceptError) -> MediaKind {
            try PerceptError.wrap { try MediaFile.probe(url.path) == .image ? .image : .video }
        }
    }
#endif
