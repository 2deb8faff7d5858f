import PerceptMedia
import Testing

@Suite struct SourceAddressTests {
    @Test(
        "Passwords and tokens are not shown, whatever characters they hold",
        arguments: [
            ("rtsp://cam.example/live", "rtsp://cam.example/live"),
            ("rtsp://cam.example:8554/live?fps=5", "rtsp://cam.example:8554/live?fps=5"),
            ("rtsp://[fe80::1]:8554/live", "rtsp://[fe80::1]:8554/live"),
            ("http://cam.example/a@2x.m3u8", "http://cam.example/a@2x.m3u8"),
            ("http://cam.example/?mail=a@b.example", "http://cam.example/?mail=a@b.example"),
            ("rtsp://me:secret@cam.example:554/live", "rtsp://me:***@cam.example:554/live"),
            ("rtsp://secret@cam.example/live", "rtsp://***@cam.example/live"),
            ("rtsp://:secret@cam.example/live", "rtsp://:***@cam.example/live"),
            ("rtsp://me:se#cret@cam.example/", "rtsp://me:***@cam.example/"),
            ("rtsp://me:se?cret@cam.example/", "rtsp://me:***@cam.example/"),
            ("rtsp://me:se/cret@cam.example/", "rtsp://me:***@cam.example/"),
            ("rtsp://me:se@cret@cam.example/", "rtsp://me:***@cam.example/"),
            ("rtsp://me:se@c/r?e#t@cam.example/", "rtsp://me:***@cam.example/"),
            ("rtsp://m/e:secret@cam.example/", "rtsp://***@cam.example/"),
            ("rtsp://me:12/34@cam.example/", "rtsp://me:***@cam.example/"),
            ("rtsp://me:secret@[fe80::1]/", "rtsp://me:***@[fe80::1]/"),
            ("RTSP:/me:secret@cam.example/", "RTSP:/me:***@cam.example/"),
            ("https://x.example/a?token=secret&fps=5", "https://x.example/a?token=***&fps=5"),
            ("https://x.example/a?X-Amz-Signature=secret", "https://x.example/a?X-Amz-Signature=***"),
            ("rtsp://x.example/user=me&password=secret&channel=1", "rtsp://x.example/user=me&password=***&channel=1"),
            ("rtsp://x.example/user=me_password=secret_channel=1.sdp", "rtsp://x.example/user=me_password=***"),
            ("https://me:secret@x.example/a?api_key=secret#t", "https://me:***@x.example/a?api_key=***#t"),
            ("/home/me/a:b@c.mp4", "/home/me/a:b@c.mp4"), ("clip@2x.mp4", "clip@2x.mp4"),
            ("test:?frames=3", "test:?frames=3"),
        ])
    func shown(_ address: String, _ expected: String) {
        #expect(SourceAddress.shown(address) == expected)
        #expect("\(MediaError(file: address, fault: .missing))" == "\(expected): no such file")
    }

    /// Nobody is at these addresses; FFmpeg logs what it took for the host.
    @Test(arguments: [
        "rtsp://me:hidden@127.0.0.1:9/live", "rtsp://me:hid#den@127.0.0.1:9/", "rtsp://me:hid?den@127.0.0.1:9/",
        "http://me:hid/den@127.0.0.1:9/", "http://me:hid@den@127.0.0.1:9/", "http://me:hid@den/x@127.0.0.1:9/",
        "tcp://hidden@127.0.0.1:9", "http://me:1/hidden@127.0.0.1:9/", "http://127.0.0.1:9/?token=hidden",
        "http://hid/den:x@127.0.0.1:9/",
    ])
    func noMessageHoldsThePassword(_ address: String) throws {
        var options = LiveOptions()
        options.reconnection.patience = 2
        let error = try #require(throws: MediaError.self) { _ = try LiveInput.open(address, options) }
        for piece in ["hidden", "hid", "den"] { #expect(!"\(error)".contains(piece), "\(error)") }
        #expect(!"\(error.file)".contains("hid"))
        let isPlain = ["me:hidden", "tcp:", "token", "hid@den@"].contains { address.contains($0) }
        #expect("\(error)".contains("%23") == !isPlain, "\(error)")
    }
}
