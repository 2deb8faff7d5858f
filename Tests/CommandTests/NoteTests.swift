import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite("notes")
    struct NoteTests {
        @Test("What does not keep a picture from being used is a line that names the file")
        func pictures() async throws {
            let animation = PerceptProcess.media.appending(path: "formats/animated.gif").path
            let run = try await PerceptProcess.run(["classify", "--labels", "a,b", animation, PerceptProcess.photo])
            #expect(run.status == 0)
            let notes = run.errors.split(separator: "\n").filter { $0.contains("first frame") }
            #expect(notes == ["percept: \(animation): the first frame of an animation"])
            let quiet = try await PerceptProcess.run(["classify", "--quiet", "--labels", "a,b", animation])
            #expect(quiet.errors.isEmpty, "\(quiet.errors)")
        }
    }
}
