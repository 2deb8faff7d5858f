import Foundation
import PerceptFrame
import PerceptMedia

private func video(
    _ name: String, _ endings: [String], format: (any PartedFormat)? = nil, words: [String] = []
) -> [FuzzTarget] {
    let seeds = endings.flatMap { ["Tests/Fixtures/media/formats/*.\($0)", ".build-fuzz/made/*.\($0)"] }
    return [
        FuzzTarget(
            "video-\(name)", "a \(name.uppercased()) file: counted, frames taken here and there", longest: 1 << 15,
            seeds: seeds, format: format, words: words
        ) {
            try useFile(Scratch.write("video", $0), isChosen: isChosen($0))
        },
        FuzzTarget(
            "live-\(name)", "the same as a running source: 40 events", longest: 1 << 15, seeds: seeds, format: format,
            words: words
        ) {
            try useStream(Scratch.write("live", $0))
        },
    ]
}

private func useFile(_ path: String, isChosen: Bool) throws {
    _ = try? MediaFile.probe(path)
    let reader = try VideoReader(path)
    let count = reader.frameCount
    require(count > 0, "a video of \(count) frames")
    require(reader.frameRate.isFinite && reader.frameRate >= 0, "\(reader.frameRate) frames a second")
    var sums: [Int: UInt64] = [:]
    for index in Set([0, count / 2, count - 1]).sorted() {
        if let frame = try? reader.frame(at: index) { sums[index] = use(frame) }
    }
    guard isChosen else { return }
    // The same frames backwards, from another reader.
    let again = try VideoReader(path)
    require(again.frameCount == count, "counted twice, unlike")
    for (index, sum) in sums.sorted(by: { $0.key > $1.key }) {
        guard let frame = try? again.frame(at: index) else { continue }
        require(use(frame) == sum, "frame \(index) depends on what was read before")
    }
}

private func useStream(_ path: String) throws {
    var options = LiveOptions()
    options.asFastAsPossible = true
    let source = try LiveInput.open(path, options)
    defer { source.stop() }
    var last = -1
    for _ in 0..<40 {
        guard let event = try source.next() else { return }
        guard case .frame(let frame) = event else { continue }
        _ = use(frame.frame)
        require(frame.number > last && frame.time.isFinite, "frame \(frame.number) at \(frame.time) s")
        last = frame.number
    }
}

let videoTargets: [FuzzTarget] =
    video(
        "mp4", ["mp4", "mov"], format: BoxFormat(),
        words: ["moov", "moof", "traf", "trun", "stts", "ctts", "stsz", "stco", "co64", "stsd", "elst", "avc1", "hvc1"])
    + video("mkv", ["mkv", "webm"], words: ["matroska", "webm", "V_MPEG4/ISO/AVC", "V_VP9", "V_MJPEG", "\u{1A}E"])
    + video(
        "avi", ["avi"], format: RIFFFormat(), words: ["hdrl", "movi", "idx1", "strh", "strf", "00dc", "FMP4", "MJPG"])
    + video("ts", ["ts", "mpg"], words: ["G@"])
    + video("flv", ["flv"], words: ["FLV\u{1}", "onMetaData"])
    + video("raw", ["mjpeg", "y4m", "h264", "ivf", "ogv"], words: ["YUV4MPEG2 W", "FRAME\n", "DKIF", "OggS"])
    + [
        FuzzTarget(
            "sdp", "a session's description: opened, stopped after 20 ms", longest: 2048,
            made: {
                let session = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                return [
                    (
                        "h264",
                        Array(
                            (session
                                + "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1; sprop-parameter-sets=Z0LAHtkDxWhAAAADAEAAAAwDxYuS,aMuMsg==\r\n")
                                .utf8)
                    ),
                    ("jpeg", Array((session + "m=video 0 RTP/AVP 26\r\n").utf8)),
                ]
            },
            words: [
                "a=fmtp:96 ", "a=rtpmap:96 ", "m=video ", "m=audio ", "sprop-parameter-sets=", "a=framesize:96 ",
                "VP8/90000", "H265/90000", "c=IN IP6 ::1", "a=range:npt=0-",
            ]
        ) { bytes in
            let path = Scratch.write("session.sdp", bytes)
            let signal = try StopSignal()
            DispatchQueue.global().asyncAfter(deadline: .now() + 0.02) { signal.stop() }
            var options = LiveOptions()
            options.reconnection.patience = 0.1
            let source = try LiveInput.open(path, options, stoppedBy: signal)
            defer { source.stop() }
            _ = try source.next()
        },
        FuzzTarget(
            "patterns", "names of sequences and of test pictures", longest: 64,
            made: {
                [
                    ("numbers", Array("frame%04d.png\nframe0012.png".utf8)),
                    ("stars", Array("a*b?*.jpg\naxxbx.jpg".utf8)),
                ]
            },
            words: ["%d", "%09d", "*", "?", "%99999999999999999999d", "test:?size=", "rate=", "rtsp://a:b@c/"]
        ) { bytes in
            let text = String(decoding: bytes, as: UTF8.self)
            let halves = text.split(separator: "\n", maxSplits: 1)
            if let first = halves.first, let pattern = NamePattern(String(first)) {
                _ = pattern.matches(String(halves.last ?? ""))
            }
            let source = try LiveInput.open("test:" + text, LiveOptions())
            if let event = try source.next(), case .frame(let frame) = event { _ = use(frame.frame) }
        },
    ]
