import PerceptFrame
import PerceptMedia

/// What must hold of a frame: planes as large as its sides say, every row there.
func use(_ frame: DecodedFrame) -> UInt64 {
    let pixels = frame.width * frame.height
    require(
        frame.width > 0 && frame.height > 0 && pixels <= DecodedFrame.maximumPixels,
        "a picture of \(frame.width) x \(frame.height)")
    require((1...8).contains(frame.orientation), "an orientation of \(frame.orientation)")
    if pixels > 64_000_000 { Exemption.isGranted = true }
    var sum: UInt64 = 0
    for (index, plane) in frame.planes.enumerated() {
        require(plane.rowBytes >= plane.bytesInRow && plane.rows > 0 && plane.bytesInRow > 0, "a plane of \(plane)")
        frame.withUnsafeBytes(ofPlane: index) { bytes in
            for row in 0..<plane.rows {
                let start = row * plane.rowBytes
                let step = max(plane.bytesInRow / 16, 1)
                for place in stride(from: start, to: start + plane.bytesInRow, by: step) {
                    sum = (sum ^ UInt64(bytes[place])) &* 0x100_0000_01B3
                }
                sum &+= UInt64(bytes[start + plane.bytesInRow - 1])
            }
        }
    }
    return sum
}

private func decode(_ bytes: UnsafeRawBufferPointer) throws(MediaError) -> DecodedFrame {
    do throws(MediaError) {
        return try ImageFile.decode(Array(bytes), name: "input")
    } catch {
        if case .tooLarge = error.fault { Exemption.isGranted = true }
        throw error
    }
}

private func picture(
    _ name: String, _ endings: [String], format: (any PartedFormat)? = nil, words: [String] = []
) -> FuzzTarget {
    FuzzTarget(
        "picture-\(name)", "a \(name.uppercased()) picture: decoded, all rows read",
        seeds: endings.flatMap { ["Tests/Fixtures/media/formats/*.\($0)", ".build-fuzz/made/*.\($0)"] }, format: format,
        words: words
    ) { bytes in
        let frame = try decode(bytes)
        let sum = use(frame)
        guard isChosen(bytes), frame.width * frame.height <= 1 << 20 else { return }
        let again = try decode(bytes)
        require(
            use(again) == sum && again.width == frame.width && again.orientation == frame.orientation,
            "decoded twice, unlike")
    }
}

let pictureTargets: [FuzzTarget] = [
    picture(
        "jpeg", ["jpg", "jfif"], format: JPEGFormat(),
        words: ["Exif\0\0", "JFIF\0", "Adobe\0d", "MM\0*", "II*\0", "Photoshop 3.0\0", "ICC_PROFILE\0"]),
    picture(
        "png", ["png"], format: PNGFormat(),
        words: ["IHDR", "IDAT", "PLTE", "tRNS", "eXIf", "iCCP", "zTXt", "acTL", "fdAT", "cICP"]),
    picture("gif", ["gif"], format: GIFFormat(), words: ["GIF89a", "GIF87a", "NETSCAPE2.0"]),
    picture("bmp", ["bmp"], words: ["BM"]),
    picture("tiff", ["tiff", "tif"], format: TIFFFormat(), words: ["II*\0", "MM\0*", "II+\0"]),
    picture(
        "webp", ["webp"], format: RIFFFormat(), words: ["VP8X", "VP8L", "VP8 ", "ALPH", "ANIM", "ANMF", "EXIF", "ICCP"]),
    picture(
        "avif", ["avif"], format: BoxFormat(),
        words: ["irot", "imir", "ispe", "ipma", "iloc", "iinf", "infe", "grid", "av01", "Exif", "clap", "auxC"]),
    picture(
        "heic", ["heic"], format: BoxFormat(),
        words: ["irot", "imir", "ispe", "ipma", "iloc", "iinf", "infe", "grid", "hvc1", "Exif", "idat", "dimg"]),
    picture(
        "ppm", ["ppm", "pgm", "pbm", "pam"],
        words: ["P6\n", "P5\n", "P4\n", "P3\n", "P7\nWIDTH ", "65535\n", "255\n", "#"]),
    picture("jxl", ["jxl"], words: ["JXL ", "jxlc", "jxlp"]),
    picture("jp2", ["jp2", "j2k"], words: ["jP  ", "jp2h", "ihdr", "colr", "jp2c", "pclr", "cmap", "cdef"]),
    picture("other", ["qoi", "tga", "pcx", "ico", "exr", "dds", "xbm", "sgi", "psd"], words: ["qoif"]),
]
