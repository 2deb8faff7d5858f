import PerceptFrame
import PerceptMedia
import Testing

@Suite struct ImageFileTests {
    @Test func everyKindOfFixtureIsThere() {
        #expect(Manifest.current.images.count > 60)
        #expect(Manifest.current.jpegs.count >= 20)
        #expect(Manifest.current.orientations.count > 10)
        #expect(Manifest.current.videos.count > 8)
    }

    @Test(arguments: Manifest.current.images)
    func pixelsEqualPillow(_ image: Manifest.Image) throws {
        let frame = try ImageFile.decode(Manifest.path(image.file))
        #expect(frame.width == image.width && frame.height == image.height)
        #expect("\(frame.layout)" == image.layout)
        #expect("\(frame.resampling)" == image.resampling)
        #expect(frame.orientation == 1)
        #expect(frame.fnv1a == image.hash)
        #expect(try MediaFile.probe(Manifest.path(image.file)) == .image)
    }

    @Test(arguments: Manifest.current.orientations)
    func orientationIsRead(_ image: Manifest.Orientation) throws {
        let frame = try ImageFile.decode(Manifest.path(image.file))
        #expect(frame.orientation == image.orientation)
        let upright = image.orientation < 5 ? [16, 24] : [24, 16]
        #expect([frame.uprightWidth, frame.uprightHeight] == upright)
    }

    @Test(arguments: Manifest.current.similar)
    func lossyPixelsAreCloseToPillow(_ image: Manifest.Similar) throws {
        let frame = try ImageFile.decode(Manifest.path(image.file))
        let reference = try ImageFile.decode(Manifest.path(image.reference))
        #expect(frame.width == reference.width && frame.height == reference.height)
        let (pixels, expected) = (frame.packedBytes, reference.packedBytes)
        let differences: [Double]
        if frame.layout == reference.layout {
            differences = zip(pixels, expected).map { abs(Double($0) - Double($1)) }
        } else {
            #expect(frame.planes.count == 3 && reference.layout == .rgb8 && frame.colorMatrix == .bt601)
            differences = (0..<frame.width * frame.height).map { index in
                let (r, g, b) = (expected[3 * index], expected[3 * index + 1], expected[3 * index + 2])
                let luma = 0.299 * Double(r) + 0.587 * Double(g) + 0.114 * Double(b)
                return abs(Double(pixels[index]) - (frame.fullRange ? luma : 16 + luma * 219 / 255))
            }
        }
        #expect(differences.reduce(0, +) / Double(differences.count) < 1)
    }

    @Test func formatsOfFFmpegsDemuxersDecode() throws {
        let path = Manifest.path("photo.ppm")
        #expect(try MediaFile.probe(path) == .image)
        #expect(try ImageFile.decode(path).packedBytes == ImageFile.decode(Manifest.path("rgb.bmp")).packedBytes)
    }

    @Test func soundIsRefusedByName() throws {
        let sound = Manifest.path("sound.wav")
        #expect(throws: MediaError(file: sound, fault: .noVisualStream)) { try MediaFile.probe(sound) }
        #expect(throws: MediaError(file: sound, fault: .noVisualStream)) { try VideoReader(sound) }
    }

    @Test func aPlaylistOpensNoOtherFile() throws {
        let playlists = [
            "#EXTM3U\n#EXTINF:1,\n\(Manifest.path("h264.ts"))\n#EXT-X-ENDLIST\n",
            "ffconcat version 1.0\nfile \(Manifest.path("h264.ts"))\n",
        ]
        for playlist in playlists {
            #expect(throws: MediaError.self) { try ImageFile.decode(Array(playlist.utf8), name: "playlist") }
        }
    }

    @Test func faultsNameTheFile() throws {
        func fault(_ path: String) -> MediaError? {
            do throws(MediaError) {
                _ = try ImageFile.decode(path)
                return nil
            } catch {
                return error
            }
        }
        let missing = fault("/nonexistent/cat.jpg")
        #expect(missing == MediaError(file: "/nonexistent/cat.jpg", fault: .missing))
        #expect(missing?.description == "/nonexistent/cat.jpg: no such file")
        #expect(fault(Manifest.folder)?.fault == .unreadable("is a directory"))
        #expect(fault("/dev/zero")?.fault == .unreadable("is a device, not a file"))
        guard case .unsupported = fault(Manifest.folder + "/manifest.json")?.fault else {
            Issue.record("a JSON file is no image: \(String(describing: fault(Manifest.folder + "/manifest.json")))")
            return
        }
    }

    @Test func tooManyPixelsAreRefusedBeforeDecoding() throws {
        var bytes = try readBytes(Manifest.path("rgb8.png"))
        bytes.replaceSubrange(16..<24, with: [0, 0, 0x80, 0, 0, 0, 0x80, 0])
        #expect(throws: MediaError(file: "huge", fault: .tooLarge(width: 32768, height: 32768))) {
            try ImageFile.decode(bytes, name: "huge")
        }
    }
}
