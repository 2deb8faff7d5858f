import CPerceptData

/// Data files that are part of the binary (Sources/CPerceptData/Data).
enum EmbeddedText {
    static var clipMerges: [UInt8] { bytes(percept_clip_merges()) }
    static var htmlEntities: [UInt8] { bytes(percept_html_entities()) }

    private static func bytes(_ data: PerceptData) -> [UInt8] {
        Array(UnsafeBufferPointer(start: data.bytes, count: data.count))
    }
}
