import Foundation
import Percept
import PerceptCommandKit

/// A file that was found and looked into, not yet decoded.
struct InputFile: Sendable {
    /// As the user named it.
    let source: String
    let kind: MediaKind

    var url: URL { URL(filePath: source) }

    /// Extensions of what `--recursive` picks up; files named on the command line may be called anything.
    private static let extensions: Set<String> = [
        "jpg", "jpeg", "jpe", "png", "webp", "gif", "bmp", "tif", "tiff", "avif", "heic", "heif", "jxl", "jp2", "ppm",
        "pgm", "qoi", "mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ts", "mts", "wmv", "flv", "ogv", "3gp",
    ]

    /// Checks every file before anything expensive begins; directories are replaced by what they hold, in the order of
    /// names.
    static func find(_ paths: [String], recursive: Bool, faults: inout InputFaults) -> [InputFile] {
        var found: [InputFile] = []
        for path in paths {
            do throws(PerceptError) {
                if isDirectory(path) {
                    guard recursive else {
                        throw PerceptError(.badData, "\(path): is a directory; --recursive takes what is in it")
                    }
                    for file in mediaFiles(in: path) {
                        do throws(PerceptError) { found.append(try InputFile(file)) } catch { faults.report(error) }
                    }
                } else {
                    found.append(try InputFile(path))
                }
            } catch {
                faults.report(error)
            }
        }
        return found
    }

    init(_ path: String) throws(PerceptError) {
        source = path
        let url = URL(filePath: path)
        do { kind = try MediaKind.of(url) } catch { throw error.naming(url, path) }
    }

    func decodedImage() -> Result<Image, PerceptError> {
        do { return .success(try Image(contentsOf: url)) } catch { return .failure(error.naming(self)) }
    }

    func openedVideo() -> Result<VideoClip, PerceptError> {
        do { return .success(try VideoClip(contentsOf: url)) } catch { return .failure(error.naming(self)) }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var isDirectory: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
    }

    private static func mediaFiles(in directory: String) -> [String] {
        let names = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
        let base = directory.hasSuffix("/") ? directory : directory + "/"
        return names.filter { name in
            let isHidden = name.split(separator: "/").contains { $0.hasPrefix(".") }
            return !isHidden && extensions.contains(URL(filePath: name).pathExtension.lowercased())
        }.sorted().map { base + $0 }.filter { !isDirectory($0) }
    }
}

extension PerceptError {
    /// The same error, with the file called what the user called it; the library only sees where it is.
    func naming(_ file: InputFile) -> PerceptError { naming(file.url, file.source) }

    fileprivate func naming(_ url: URL, _ source: String) -> PerceptError {
        guard message.hasPrefix(url.path) else { return self }
        return PerceptError(code, source + message.dropFirst(url.path.count), cause: cause)
    }
}
