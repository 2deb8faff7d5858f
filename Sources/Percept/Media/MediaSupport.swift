#if Media
    import PerceptMedia

    /// What this process can read of pictures and videos, which the FFmpeg libraries on the machine decide.
    public enum MediaSupport {
        /// A library that this process runs with.
        public struct Library: Sendable, Hashable {
            /// The library's name: `libavcodec`.
            public let name: String
            /// The library's version: `59.37.100`.
            public let version: String
        }

        /// The libraries that decode and encode.
        public static var libraries: [Library] {
            MediaLibraries.versions.map { Library(name: $0.name, version: $0.version) }
        }

        /// Formats of pictures and videos that are usual and that these libraries cannot decode, by the names people have for
        /// them: builds without patented parts lack some. Files in them cannot be read.
        public static var missingDecoders: [String] { MediaLibraries.missingDecoders }
    }
#endif
