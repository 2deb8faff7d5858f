#if Media
    public import Foundation

    extension EncodingInput {
        /// A file, a picture or a video by its content; of an animation the first frame.
        public static func file(_ url: URL) -> EncodingInput {
            EncodingInput(name: url.path) {
                do throws(PerceptError) {
                    switch try MediaKind.of(url) {
                    case .image: return .success(.image(try Image(contentsOf: url)))
                    case .video: return .success(.video(try VideoClip(contentsOf: url)))
                    }
                } catch { return .failure(error) }
            }
        }

        /// A picture file that is in memory.
        public static func data(_ data: Data, name: String) -> EncodingInput {
            EncodingInput(name: name) { () throws(PerceptError) in try Image(data: data, name: name) }
        }
    }
#endif
