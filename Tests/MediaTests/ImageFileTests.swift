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
        #expect(fault("/dev/zero")?.fault == .unreadable("is not a regular file"))
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
