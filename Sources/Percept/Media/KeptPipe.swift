#if Media
    import PerceptMedia

    /// What came through a pipe, kept so that it can be read like a file: anywhere, and more than once.
    public struct KeptPipe: Sendable {
        private let file: PipedFile

        /// Where it can be opened while this lives.
        public var path: String { file.path }

        /// Reads a pipe to its end, and refuses early what is no picture or video.
        ///
        /// - Parameters:
        ///   - descriptor: the open pipe, which stays open.
        ///   - name: what errors call it.
        public init(reading descriptor: Int32, name: String) throws(PerceptError) {
            do throws(MediaError) { file = try PipedFile(descriptor, name: name) } catch { throw PerceptError(error) }
        }
    }

    extension FrameSource {
        /// A source's name as messages show it: an address without its password and keys.
        package static func shown(_ name: String) -> String { SourceAddress.shown(name) }
    }
#endif
