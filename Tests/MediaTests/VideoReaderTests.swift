import PerceptFrame
import PerceptMedia
import TestSupport
import Testing

@Suite struct VideoReaderTests {
    @Test func sampledIndicesAreTheReferences() {
        #expect(SampledFrames.indices(frameCount: 48, count: 8) == [0, 6, 13, 20, 26, 33, 40, 47])
        #expect(SampledFrames.indices(frameCount: 5, count: 1) == [2])
        #expect(SampledFrames.indices(frameCount: 1, count: 4) == [0, 0, 0, 0])
        #expect(SampledFrames.indices(frameCount: 3, count: 5) == [0, 0, 1, 1, 2])
    }

    @Test(arguments: Manifest.current.videos)
    func framesInOrderEqualFFmpeg(_ video: Manifest.Video) throws {
        let path = "\(Manifest.folder)/\(video.file)"
        #expect(try MediaFile.probe(path) == .video)
        let reader = try VideoReader(path)
        #expect(reader.frameCount == video.frames.count)
        for (index, hash) in video.frames.enumerated() {
            let frame = try reader.frame(at: index)
            #expect(frame.fnv1a == hash, "frame \(index)")
            #expect(frame.width == video.width && frame.height == video.height)
            #expect(frame.orientation == video.orientation)
            #expect(frame.layout == .yuv420p && !frame.fullRange && frame.chromaSiting == .left)
        }
    }

    @Test(arguments: Manifest.current.videos)
    func framesInAnyOrderEqualFFmpeg(_ video: Manifest.Video) throws {
        let reader = try VideoReader("\(Manifest.folder)/\(video.file)")
        var generator = SplitMix64(state: 7)
        for _ in 0..<20 {
            let index = Int.random(in: 0..<reader.frameCount, using: &generator)
            #expect(try reader.frame(at: index).fnv1a == video.frames[index], "frame \(index)")
        }
    }

    @Test func textAndMissingFilesAreNoVideos() throws {
        #expect(throws: MediaError.self) { try VideoReader(Manifest.folder + "/manifest.json") }
        #expect(throws: MediaError(file: "/nonexistent.mp4", fault: .missing)) { try VideoReader("/nonexistent.mp4") }
    }
}
