import Percept
import PerceptCommandKit
import PerceptFiles

/// A file that was found and looked into, not yet decoded.
struct InputFile: Sendable {
    /// As the user named it, for people and for JSON.
    let source: String
    private(set) var kind: MediaKind
    let name: String
    /// What the file was like when it was looked at; nil for a pipe.
    let stamp: FileStamp?
    private let opened: OpenedName

    /// - Parameters:
    ///   - name: a file, a pipe, which is read to its end, or `-` for standard input.
    ///   - advice: what else may be wrong where there is no such file.
    init(_ name: String, advice: (String) -> String? = { _ in nil }) throws(PerceptError) {
        self.name = name
        source = FileName.shown(name)
        stamp = FileStamp(name)
        opened = try OpenedName(name, advice: advice)
        do { kind = try MediaKind.of(path: opened.path, name: name) } catch {
            guard let advice = Advice.list(name, at: opened.path) else { throw error }
            throw PerceptError(error.code, "\(error.message); \(advice)", cause: error.cause)
        }
    }

    /// The file as a video if it is an animation, which is a picture otherwise, and a number of frames is asked for.
    func taken(frames: Int?) -> InputFile {
        guard frames != nil else { return self }
        // What cannot be looked into is told of when it is decoded.
        guard kind == .image, (try? MediaKind.isAnimation(path: opened.path, name: name)) == true else { return self }
        var file = self
        file.kind = .video
        return file
    }

    /// - Parameter isFirst: it is decoded for the first time, so that there may be something to tell about it.
    func decodedImage(isFirst: Bool = true) -> Result<Image, PerceptError> {
        do {
            let image = try Image(path: opened.path, name: name)
            if isFirst { tell(image.notes) }
            return .success(image)
        } catch { return .failure(error) }
    }

    func openedVideo() -> Result<VideoClip, PerceptError> {
        do {
            let clip = try VideoClip(path: opened.path, name: name, owner: opened.piped)
            tell(clip.notes)
            clip.tellNotes { tell([$0]) }
            return .success(clip)
        } catch { return .failure(error) }
    }

    /// One line for what was passed over to read the file.
    private func tell(_ notes: [String]) {
        if !notes.isEmpty { Console.shared.note("\(source): \(notes.joined(separator: "; "))") }
    }
}
