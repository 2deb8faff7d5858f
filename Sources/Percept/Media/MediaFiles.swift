#if Media
    public import Foundation
    import PerceptFiles
    import PerceptFrame
    import PerceptMedia

    extension Image {
        /// Decodes a file; its kind is read from its content, and an animation gives its first frame.
        ///
        /// - Throws: ``PerceptError`` naming the file and the fault.
        public init(contentsOf url: URL) throws(PerceptError) {
            try self.init(path: try PerceptError.path(url))
        }

        /// - Parameters:
        ///   - path: as `FileName` carries it.
        ///   - name: what errors call the file; its path unless given.
        package init(path: String, name: String? = nil) throws(PerceptError) {
            self.init(
                try PerceptError.wrap {
                    try MediaError.calling(name) { () throws(MediaError) in try ImageFile.decode(path) }
                })
        }

        /// Decodes a file that is in memory.
        ///
        /// - Parameters:
        ///   - data: the bytes of the file.
        ///   - name: what error messages call it.
        /// - Throws: ``PerceptError`` naming `name` and the fault.
        public init(data: [UInt8], name: String = "image") throws(PerceptError) {
            self.init(try PerceptError.wrap { try ImageFile.decode(data, name: name) })
        }

        /// Decodes a file that is in memory; see ``init(data:name:)-([UInt8],_)``.
        public init(data: Data, name: String = "image") throws(PerceptError) {
            try self.init(data: [UInt8](data), name: name)
        }
    }

    extension VideoClip {
        /// Opens a file and counts its frames, which reads it once.
        ///
        /// - Throws: ``PerceptError`` naming the file and the fault.
        public init(contentsOf url: URL) throws(PerceptError) {
            try self.init(path: try PerceptError.path(url), url: url)
        }

        /// Opens a video that is in memory, of which a copy is kept as long as frames may be asked for.
        ///
        /// - Parameters:
        ///   - data: the bytes of the file.
        ///   - name: what error messages call it.
        /// - Throws: ``PerceptError`` naming `name` and the fault.
        public init(data: Data, name: String = "video") throws(PerceptError) {
            let file = try PerceptError.wrap {
                try data.withUnsafeBytes { try PipedFile(copying: $0, name: name) }
            }
            try self.init(path: file.path, name: name, owner: file)
        }

        /// - Parameters:
        ///   - path: as `FileName` carries it.
        ///   - name: what errors call the file; its path unless given.
        ///   - url: where the file is, if that is known already.
        ///   - owner: what the path exists by, kept as long as frames may be asked for.
        package init(
            path: String, name: String? = nil, url: URL? = nil, owner: (any Sendable)? = nil
        ) throws(PerceptError) {
            let open = { @Sendable () throws(MediaError) -> any ClipReader in
                defer { withExtendedLifetime(owner) {} }
                do throws(MediaError) { return try MediaFile.frames(of: path) } catch {
                    throw MediaError(file: name ?? error.file, fault: error.fault)
                }
            }
            let reader = try PerceptError.wrap { try open() }
            self.init(
                url: url ?? URL(path: path), name: name ?? path, frameCount: reader.frameCount,
                frameRate: reader.frameRate, notes: reader.notes
            ) {
                let reader = try open()
                guard let name else { return reader }
                return CalledReader(reader, name: name, owner: owner)
            }
        }
    }

    /// What a media file holds.
    public enum MediaKind: Sendable {
        /// A picture, or an animation, of which ``Image`` takes the first frame (see ``isAnimation(_:)``).
        case image
        /// A video for ``VideoClip``.
        case video

        /// Looks into a file; its name does not matter.
        ///
        /// - Throws: ``PerceptError`` naming the file and the fault.
        public static func of(_ url: URL) throws(PerceptError) -> MediaKind {
            try of(path: try PerceptError.path(url))
        }

        /// - Parameters:
        ///   - path: as `FileName` carries it.
        ///   - name: what errors call the file; its path unless given.
        package static func of(path: String, name: String? = nil) throws(PerceptError) -> MediaKind {
            try PerceptError.wrap {
                try MediaError.calling(name) { () throws(MediaError) in try MediaFile.probe(path) } == .image
                    ? .image : .video
            }
        }

        /// Whether a picture is an animation, a GIF, PNG, WebP or AVIF with several frames, which ``VideoClip`` takes as
        /// well.
        ///
        /// - Throws: ``PerceptError`` naming the file and the fault.
        public static func isAnimation(_ url: URL) throws(PerceptError) -> Bool {
            try isAnimation(path: try PerceptError.path(url))
        }

        /// - Parameters:
        ///   - path: as `FileName` carries it.
        ///   - name: what errors call the file; its path unless given.
        package static func isAnimation(path: String, name: String? = nil) throws(PerceptError) -> Bool {
            try PerceptError.wrap {
                try MediaError.calling(name) { () throws(MediaError) in try MediaFile.isAnimation(path) }
            }
        }
    }

    /// A reader whose file errors call otherwise than by its path.
    private final class CalledReader: ClipReader {
        private let reader: any ClipReader
        private let name: String
        /// What the path exists by: a reader may open it once more.
        private let owner: (any Sendable)?

        init(_ reader: any ClipReader, name: String, owner: (any Sendable)?) {
            self.reader = reader
            self.name = name
            self.owner = owner
        }

        var frameCount: Int { reader.frameCount }
        var frameRate: Double { reader.frameRate }
        var notes: [String] { reader.notes }

        func frame(at index: Int) throws -> DecodedFrame {
            do { return try reader.frame(at: index) } catch let error as MediaError {
                throw MediaError(file: name, fault: error.fault)
            }
        }
    }

    extension MediaError {
        /// Does something with a file whose errors are to call it by another name.
        fileprivate static func calling<Result>(
            _ name: String?, _ body: () throws(MediaError) -> Result
        ) throws(MediaError) -> Result {
            do { return try body() } catch { throw MediaError(file: name ?? error.file, fault: error.fault) }
        }
    }
#endif
