import CPerceptMedia

/// The FFmpeg libraries this process runs with.
package enum MediaLibraries {
    /// Names and versions.
    package static var versions: [(name: String, version: String)] {
        [
            ("libavformat", avformat_version()), ("libavcodec", avcodec_version()), ("libavutil", avutil_version()),
            ("libswscale", swscale_version()),
        ].map { (name: $0, version: "\($1 >> 16).\($1 >> 8 & 0xFF).\($1 & 0xFF)") }
    }

    /// What Percept's users expect to open and these libraries cannot decode; builds without patents lack some.
    package static var missingDecoders: [String] {
        [
            (AV_CODEC_ID_MJPEG, "JPEG"), (AV_CODEC_ID_PNG, "PNG"), (AV_CODEC_ID_WEBP, "WebP"), (AV_CODEC_ID_GIF, "GIF"),
            (AV_CODEC_ID_BMP, "BMP"), (AV_CODEC_ID_TIFF, "TIFF"), (AV_CODEC_ID_AV1, "AV1 and AVIF"),
            (AV_CODEC_ID_HEVC, "HEVC and HEIC"), (AV_CODEC_ID_H264, "H.264"), (AV_CODEC_ID_VP9, "VP9"),
        ].filter { avcodec_find_decoder($0.0) == nil }.map(\.1)
    }
}
