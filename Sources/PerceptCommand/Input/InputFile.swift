import Percept
import PerceptCommandKit
import PerceptFiles

/// A file that was found and looked into, not yet decoded.
struct InputFile: Sendable {
    /// As the user named it, for people and for JSON.
    let source: String
    let kind: MediaKind
    private let name: String
    private let opened: OpenedName

    /// - Parameters:
    ///   - name: a file, a pipe, which is read to its end, or `-` for standard input.
    ///   - advice: what else may be wrong where there is no such file.
    init(_ name: String, advice: (String) -> String? = { _ in nil }) throws(PerceptError) {
        self.name = name
        source = FileName.shown(name)
        opened = try OpenedName(name, advice: advice)
        kind = try MediaKind.of(path: opened.path, name: name)
    }

    func decodedImage() -> Result<Image, PerceptError> {
        do { return .success(try Image(path: opened.path, name: name)) } catch { return .failure(error) }
    }

    func openedVideo() -> Result<VideoClip, PerceptError> {
        do { return .success(try VideoClip(path: opened.path, name: name, owner: opened.piped)) } catch {
            return .failure(error)
        }
    }
}
