import Foundation
import PerceptFrame
import PerceptMedia
import TestSupport
import Testing

/// Cameras through the ioctls of V4L2, which a preloaded library answers in a process of its own.
@Suite struct CameraTests {
    /// Pictures of the test scene, as a camera of that pixel format sends them.
    static func pictures(_ layout: String, _ width: Int, _ height: Int, count: Int = 6) throws -> [[UInt8]] {
        guard layout != "mjpeg" else {
            let bytes = try TestVideo(
                width: width, height: height, frames: count, encoder: "mjpeg", container: "mjpeg"
            ).bytes()
            let starts =
                bytes.indices.filter { $0 + 2 < bytes.count && Array(bytes[$0..<$0 + 3]) == [0xFF, 0xD8, 0xFF] }
                + [bytes.count]
            return zip(starts, starts.dropFirst()).map { Array(bytes[$0..<$1]) }
        }
        let source = try LiveInput.open(
            "test:?size=\(width)x\(height)&rate=2&hold=1&frames=\(count)&layout=\(layout)", .fast)
        var pictures: [[UInt8]] = []
        while case .frame(let frame)? = try source.next() { pictures.append(frame.frame.packedBytes) }
        return pictures
    }

    /// A webcam as many are: uncompressed pictures of 640 x 480 at most, fast and large ones as MJPEG.
    static func webcam() throws -> FakeCamera.Device {
        FakeCamera.Device([
            .init("MJPG", 640, 480, rate: 60, pictures: try pictures("mjpeg", 640, 480)),
            .init("MJPG", 640, 480, rate: 30, pictures: try pictures("mjpeg", 640, 480)),
            .init("MJPG", 1280, 720, rate: 30, pictures: try pictures("mjpeg", 1280, 720)),
            .init("YUYV", 640, 480, rate: 30, pictures: try pictures("yuyv422", 640, 480)),
            .init("YUYV", 1280, 720, rate: 10, pictures: try pictures("yuyv422", 1280, 720)),
            .init("NV12", 320, 240, rate: 30, pictures: try pictures("nv12", 320, 240)),
            .init("GREY", 640, 480, rate: 30, pictures: []),
        ])
    }

    private func probe(_ cameras: FakeCamera, _ arguments: String...) async throws -> [String] {
        let process = try await PerceptProcess.run(
            arguments, program: "live-probe", environment: cameras.environment)
        #expect(process.errors == "", "\(process.errors)")
        #expect(process.status == 0 || process.lines.last?.hasPrefix("error") == true, "\(process.text)")
        return process.lines
    }

    @Test func camerasAreListedWithWhatTheySend() async throws {
        var second = FakeCamera.Device([.init("NV12", 320, 240, rate: 15, pictures: [])])
        (second.path, second.name) = ("/dev/video3", "Second One")
        var metadata = FakeCamera.Device([])
        metadata.path = "/dev/video1"
        var locked = FakeCamera.Device([])
        (locked.path, locked.failures) = ("/dev/video5", [(.open, EACCES, 0, 9)])
        let cameras = try FakeCamera([try Self.webcam(), metadata, second, locked])
        let lines = try await probe(cameras, "list")
        #expect(
            lines == [
                "camera /dev/video0 fake usb-fake-1 Fake Camera",
                "mode MJPG 640x480 30.0,60.0", "mode MJPG 1280x720 30.0", "mode YUYV 640x480 30.0",
                "mode YUYV 1280x720 10.0", "mode NV12 320x240 30.0", "mode GREY 640x480 30.0",
                "camera /dev/video3 fake usb-fake-1 Second One", "mode NV12 320x240 15.0",
                "camera /dev/video5   ",
                "problem /dev/video5: permission denied; cameras are for members of the group `video`: "
                    + "`sudo usermod -aG video $USER`, then log in anew",
            ])
    }

    @Test(arguments: [
        ([], "source 640x480 30.0 yuyv"),
        (["rate=60"], "source 640x480 60.0 mjpeg"),
        (["size=1280x720"], "source 1280x720 30.0 mjpeg"),
        (["size=1280x720", "format=yuyv"], "source 1280x720 10.0 yuyv"),
        (["format=nv12"], "source 320x240 30.0 nv12"),
        (["format=mjpeg"], "source 640x480 30.0 mjpeg"),
        (["size=320x240"], "source 320x240 30.0 nv12"),
    ])
    func theBestModeIsChosen(_ options: [String], _ expected: String) async throws {
        let cameras = try FakeCamera([try Self.webcam()])
        let process = try await PerceptProcess.run(
            ["play", "/dev/video0", "frames=1"] + options, program: "live-probe", environment: cameras.environment)
        #expect(process.lines.first == expected, "\(process.text)")
        #expect(process.lines.last == "end 1", "\(process.text)")
    }

    @Test func whatTheCameraLacksIsRefusedWithWhatItHas() async throws {
        let cameras = try FakeCamera([try Self.webcam()])
        let process = try await PerceptProcess.run(
            ["play", "/dev/video0", "size=641x480"], program: "live-probe", environment: cameras.environment)
        #expect(
            process.lines == [
                "error /dev/video0: cannot be a source: it does not send what is asked for, but mjpeg 640x480 at 30/60, "
                    + "mjpeg 1280x720 at 30, yuyv 640x480 at 30, yuyv 1280x720 at 10, nv12 320x240 at 30, grey 640x480 at 30"
            ])
    }

    /// What goes in as a camera's bytes comes out as a frame's samples.
    @Test(arguments: [("YUYV", "yuyv422"), ("NV12", "nv12")])
    func rawPicturesArriveAsTheyAre(_ code: String, _ layout: String) async throws {
        let pictures = try Self.pictures(layout, 64, 48)
        let cameras = try FakeCamera([.init([.init(code, 64, 48, rate: 100, pictures: pictures)])])
        let lines = try await probe(cameras, "play", "/dev/video0", "frames=12")
        let frames = lines.filter { $0.hasPrefix("frame") }.map { $0.split(separator: " ") }
        #expect(frames.count == 12, "\(lines)")
        let hashes = pictures.map { bytes in
            "\(bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })"
        }
        #expect(frames.map { String($0[8]) } == (0..<12).map { hashes[$0 % hashes.count] })
        #expect(frames.allSatisfy { $0[3...7].map(String.init) == ["64x48", layout, "limited", "bt601", "center"] })
        #expect(frames.map { Int($0[1]) } == Array(0..<12))
        let times = frames.compactMap { Double($0[2]) }
        #expect(times.first == 0 && zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
        // Of a timer of 10 ms; a busy machine may take pictures late.
        #expect((times.last ?? 0) > 0.1 && (times.last ?? 9) < 2, "\(times)")
    }

    /// The bytes of a picture in the order of a camera's format, from the layout that it becomes here.
    private static func rearranged(_ bytes: [UInt8], _ code: String, _ width: Int, _ height: Int) -> [UInt8] {
        func exchanged(_ order: [Int], _ bytes: some Collection<UInt8>) -> [UInt8] {
            let bytes = Array(bytes)
            return stride(from: 0, to: bytes.count, by: order.count).flatMap { start in order.map { bytes[start + $0] }
            }
        }
        /// Three bytes to four, with one that says nothing; -1 stands for it.
        func four(_ order: [Int]) -> [UInt8] {
            stride(from: 0, to: bytes.count, by: 3).flatMap { start in order.map { $0 < 0 ? 0x5A : bytes[start + $0] } }
        }
        let (luma, chroma) = (width * height, width * height / 4)
        switch code {
        case "UYVY": return exchanged([1, 0, 3, 2], bytes)
        case "YVYU": return exchanged([0, 3, 2, 1], bytes)
        case "VYUY": return exchanged([3, 0, 1, 2], bytes)
        case "NV21", "NM21": return Array(bytes[..<luma]) + exchanged([1, 0], bytes[luma...])
        case "YV12", "YM21":
            let (first, second) = (bytes[luma..<luma + chroma], bytes[(luma + chroma)...])
            return Array(bytes[..<luma]) + Array(second) + Array(first)
        case "BGR3": return exchanged([2, 1, 0], bytes)
        case "XR24": return four([2, 1, 0, -1])
        case "XB24": return four([0, 1, 2, -1])
        case "RGB4": return four([-1, 0, 1, 2])
        default: return bytes
        }
    }

    /// What a camera sends in any format arrives as the same picture, also with gaps behind rows and with the multi-planar
    /// interface.
    @Test(
        arguments: [
            ("YUYV", "yuyv422"), ("UYVY", "yuyv422"), ("YVYU", "yuyv422"), ("VYUY", "yuyv422"), ("YU12", "yuv420p"),
            ("YV12", "yuv420p"), ("NV12", "nv12"), ("NV21", "nv12"), ("RGB3", "rgb24"), ("BGR3", "rgb24"),
            ("XR24", "rgb24"), ("XB24", "rgb24"), ("RGB4", "rgb24"), ("YM12", "yuv420p"), ("YM21", "yuv420p"),
            ("NM12", "nv12"), ("NM21", "nv12"),
        ], [(false, 0), (false, 32), (true, 0), (true, 32)])
    func everyOrderOfSamplesIsTaken(
        _ kind: (code: String, layout: String), _ way: (pieces: Bool, padding: Int)
    ) async throws {
        // Without the multi-planar interface there are no formats that need it.
        guard way.pieces || kind.code.dropFirst().first != "M" else { return }
        let pictures = try Self.pictures(kind.layout, 64, 48, count: 2)
        var device = FakeCamera.Device([
            .init(kind.code, 64, 48, rate: 200, pictures: pictures.map { Self.rearranged($0, kind.code, 64, 48) })
        ])
        (device.hasPieces, device.padding) = way
        let lines = try await probe(try FakeCamera([device]), "play", "/dev/video0", "frames=2")
        let frames = lines.filter { $0.hasPrefix("frame") }.map { $0.split(separator: " ") }
        let hashes = pictures.map { bytes in
            "\(bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })"
        }
        #expect(frames.map { String($0[8]) } == hashes, "\(lines)")
        let colours = kind.layout == "rgb24" ? ["rgb8", "full", "identity"] : [kind.layout, "limited", "bt601"]
        #expect(frames.allSatisfy { $0[4...6].map(String.init) == colours }, "\(lines)")
    }

    @Test func greyIsTakenWhereThereIsNoColour() async throws {
        let pictures = try Self.pictures("yuv420p", 64, 48, count: 2).map { Array($0.prefix(64 * 48)) }
        let deep: [[UInt8]] = pictures.map { picture in picture.flatMap { value -> [UInt8] in [0x5A, value] } }
        let grey = FakeCamera.Mode("GREY", 64, 48, rate: 200, pictures: pictures)
        for (modes, expected) in [
            ([grey], "grey"), ([FakeCamera.Mode("Y16 ", 64, 48, rate: 200, pictures: deep)], "y16"),
            ([grey, .init("YUYV", 32, 32, rate: 5, pictures: try Self.pictures("yuyv422", 32, 32, count: 1))], "yuyv"),
        ] {
            let lines = try await probe(try FakeCamera([.init(modes)]), "play", "/dev/video0", "frames=2")
            #expect(lines.first?.hasSuffix(" \(expected)") == true, "\(lines)")
            guard expected != "yuyv" else { continue }
            let hashes = pictures.map { bytes in
                "\(bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 })"
            }
            let frames = lines.filter { $0.hasPrefix("frame") }.map { $0.split(separator: " ") }
            #expect(frames.map { String($0[8]) } == hashes, "\(lines)")
            #expect(frames.allSatisfy { $0[4...6].map(String.init) == ["gray8", "full", "identity"] })
        }
    }

    @Test func motionJPEGIsDecodedWithItsOwnColours() async throws {
        let pictures = try Self.pictures("mjpeg", 64, 48)
        let cameras = try FakeCamera([.init([.init("MJPG", 64, 48, rate: 100, pictures: pictures)])])
        let lines = try await probe(cameras, "play", "/dev/video0", "frames=6")
        let frames = lines.filter { $0.hasPrefix("frame") }.map { $0.split(separator: " ") }
        let hashes = try pictures.map { "\(UInt64(try ImageFile.decode($0, name: "").fnv1a, radix: 16) ?? 0)" }
        #expect(frames.map { String($0[8]) } == hashes)
        #expect(frames.allSatisfy { $0[3...7].map(String.init) == ["64x48", "yuv420p", "full", "bt601", "center"] })
    }

    /// Numbers of videodev2.h: colour spaces 3 (Rec. 709) and 7 (JPEG), encodings 1 (601) and 2 (709), ranges 1 (full)
    /// and 2 (limited).
    @Test(arguments: [
        ((0, 0, 0), "limited bt601"), ((3, 0, 0), "limited bt709"), ((7, 0, 0), "full bt601"),
        ((8, 2, 1), "full bt709"), ((3, 1, 2), "limited bt601"), ((10, 0, 0), "limited bt2020"),
    ])
    func coloursAreTheDrivers(_ colours: (Int, Int, Int), _ expected: String) async throws {
        var device = FakeCamera.Device([
            .init("NV12", 64, 48, rate: 100, pictures: try Self.pictures("nv12", 64, 48, count: 1))
        ])
        device.colours = colours
        let lines = try await probe(try FakeCamera([device]), "play", "/dev/video0", "frames=1")
        #expect(lines.dropFirst().first?.contains(" \(expected) ") == true, "\(lines)")
    }

    @Test(arguments: [
        (
            FakeCamera.Call.open, EACCES,
            "permission denied; cameras are for members of the group `video`: `sudo usermod -aG video $USER`, "
                + "then log in anew"
        ),
        (.open, EBUSY, "in use by another program; `fuser -v /dev/video0` names it"),
        (.format, EBUSY, "in use by another program; `fuser -v /dev/video0` names it"),
        (.buffers, EBUSY, "in use by another program; `fuser -v /dev/video0` names it"),
        (.start, EBUSY, "in use by another program; `fuser -v /dev/video0` names it"),
        (.start, ENODEV, "is gone: the camera was unplugged"),
        (.start, ENOSPC, "cannot be read: starting: No space left on device"),
    ])
    func faultsSayWhatToDo(_ call: FakeCamera.Call, _ number: Int32, _ message: String) async throws {
        var device = FakeCamera.Device([
            .init("NV12", 64, 48, rate: 100, pictures: try Self.pictures("nv12", 64, 48, count: 1))
        ])
        device.failures = [(call, number, 0, 9)]
        let lines = try await probe(try FakeCamera([device]), "play", "/dev/video0")
        #expect(lines == ["error /dev/video0: \(message)"])
    }

    @Test func aCameraThatIsNotThere() async throws {
        let none = try await probe(try FakeCamera([]), "play", "/dev/video0")
        #expect(none.count == 1 && none[0].contains("no such camera; there is no /dev/video* at all"), "\(none)")
        let other = try await probe(try FakeCamera([try Self.webcam()]), "play", "/dev/video2")
        #expect(other == ["error /dev/video2: no such camera; there is /dev/video0"])
        let nothing = try await probe(try FakeCamera([]), "list")
        #expect(nothing == [])
    }

    /// ENODEV behind ten pictures, then a port that stays empty for two attempts.
    @Test func anUnpluggedCameraIsWaitedFor() async throws {
        var device = FakeCamera.Device([
            .init("YUYV", 64, 48, rate: 100, pictures: try Self.pictures("yuyv422", 64, 48))
        ])
        device.failures = [(.take, ENODEV, 10, 1), (.open, ENOENT, 1, 2)]
        let lines = try await probe(try FakeCamera([device]), "play", "/dev/video0", "frames=15")
        let events = lines.map { $0.hasPrefix("frame") ? "frame" : $0 }
        #expect(
            events == ["source 64x48 100.0 yuyv"] + Array(repeating: "frame", count: 10) + [
                "notice reconnecting(attempt: 1, reason: \"the camera was unplugged\")",
                "notice reconnecting(attempt: 2, reason: \"no such file\")",
                "notice reconnecting(attempt: 3, reason: \"no such file\")", "notice reconnected",
            ] + Array(repeating: "frame", count: 5) + ["end 15"], "\(lines)")
        #expect(
            lines.filter { $0.hasPrefix("frame") }.map { Int($0.split(separator: " ")[1]) } == Array(0..<15))
    }

    @Test func aCameraThatStaysAwayIsAnError() async throws {
        var device = FakeCamera.Device([
            .init("YUYV", 64, 48, rate: 100, pictures: try Self.pictures("yuyv422", 64, 48))
        ])
        device.failures = [(.take, ENODEV, 3, 1), (.open, ENOENT, 1, 99)]
        let lines = try await probe(try FakeCamera([device]), "play", "/dev/video0", "attempts=3")
        #expect(
            lines.last
                == "error /dev/video0: is gone: no such file; 3 attempts to get it back failed", "\(lines)")
        device.failures = [(.take, ENODEV, 3, 1)]
        let once = try await probe(try FakeCamera([device]), "play", "/dev/video0", "attempts=0")
        #expect(once.last == "error /dev/video0: is gone: the camera was unplugged", "\(once)")
        #expect(once.count { $0.hasPrefix("frame") } == 3)
    }

    @Test func damagedPicturesAreLeftOut() async throws {
        var pictures = try Self.pictures("mjpeg", 64, 48, count: 4)
        pictures[1] = Array(pictures[1].prefix(pictures[1].count / 2))
        pictures[2] = []
        let camera = FakeCamera.Device([.init("MJPG", 64, 48, rate: 100, pictures: pictures)])
        let lines = try await probe(try FakeCamera([camera]), "play", "/dev/video0", "frames=4")
        let events = lines.map { String($0.prefix(14)) }
        #expect(
            events.map { $0.hasPrefix("frame") ? "frame" : $0 } == [
                "source 64x48 1", "frame", "notice corrupt", "notice corrupt", "frame", "frame", "notice corrupt",
                "notice corrupt", "frame", "end 4",
            ], "\(lines)")
        var yuyv = try Self.pictures("yuyv422", 64, 48, count: 2)
        yuyv[1].removeLast(7)
        var device = FakeCamera.Device([.init("YUYV", 64, 48, rate: 100, pictures: yuyv)])
        device.failures = [(.take, EIO, 1, 1)]
        let raw = try await probe(try FakeCamera([device]), "play", "/dev/video0", "frames=2")
        #expect(raw.count { $0.hasPrefix("notice corrupt") } == 2, "\(raw)")
        #expect(raw.last == "end 2")
    }
}
