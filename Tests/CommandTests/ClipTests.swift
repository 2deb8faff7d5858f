import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite("clips")
    struct ClipTests {
        private func kinds(_ arguments: [String]) async throws -> (kinds: [String], errors: String) {
            let run = try await PerceptProcess.run(["embed", "--json"] + arguments)
            #expect(run.status == 0, "\(run.errors)")
            let items = try run.object()["items"] as? [[String: Any]] ?? []
            return (items.compactMap { $0["kind"] as? String }, run.errors)
        }

        @Test("An animation is its first frame, and a video where a number of frames is asked for")
        func animations() async throws {
            let webp = PerceptProcess.media.appending(path: "formats/animated.webp").path
            #expect(try await kinds([webp, PerceptProcess.photo]).kinds == ["image", "image"])
            let moving = try await kinds([webp, PerceptProcess.photo, "--frames", "3"])
            #expect(moving.kinds == ["video", "image"])
            #expect(!moving.errors.contains("first"), "\(moving.errors)")
        }

        @Test("What is missing of a video is told, and the rest is embedded")
        func cut() async throws {
            let folder = try TemporaryFolder()
            let whole = folder.url.appending(path: "whole.mp4")
            let made = try await PerceptProcess.run([
                "watch", "test:?frames=75&rate=25&size=160x96", "--as-fast-as-possible", "--every-frame", "--quiet",
                "--annotate", whole.path,
            ])
            #expect(made.status == 0, "\(made.errors)")
            let bytes = try Array(Data(contentsOf: whole))
            let last = try #require(bytes.ranges(of: Array("moof".utf8)).last).lowerBound
            let cut = try folder.write(bytes.prefix(last + 40), "cut.mp4")
            let found = try await kinds([cut])
            #expect(found.kinds == ["video"])
            #expect(
                found.errors.contains("cut.mp4: the recording was not finished: its last fragment is incomplete"),
                "\(found.errors)")
            let none = try await PerceptProcess.run(["embed", try folder.write(bytes.prefix(24), "none.mp4")])
            #expect(none.status == 65)
            #expect(none.errors.contains("the recording was not finished: it has no index (moov)"), "\(none.errors)")
        }

        @Test("No message has the password of an address")
        func passwords() async throws {
            for command in ["embed", "watch"] {
                let run = try await PerceptProcess.run([command, "rtsp://me:hid/den@127.0.0.1:9/"])
                #expect(run.status != 0 && run.errors.contains("rtsp://me:***@127.0.0.1:9/"), "\(run.errors)")
                #expect(!(run.errors + run.text).contains("den"), "\(run.errors)")
            }
        }
    }
}
