import CPerceptMedia

/// What kind of media a file holds.
package enum MediaFile: Sendable {
    /// For `ImageFile`. Animations count as images.
    case image
    /// For `VideoReader`.
    case video

    /// Looks at the content, not at the name.
    ///
    /// - Throws: the fault when the file cannot be read or holds nothing visual.
    package static func probe(_ path: String) throws(MediaError) -> MediaFile {
        do throws(MediaError.Fault) {
            let start = ByteReader(bytes: try readStart(path, limit: 64))
            if StillImage.Format(start) != nil { return .image }
            if start.has("ftyp", at: 4) {
                let imageBrands: [StaticString] = ["avif", "avis", "heic", "heix", "heim", "heis", "mif1", "msf1"]
                return imageBrands.contains { start.has($0, at: 8) } ? .image : .video
            }
            let format = try Container(ByteSource(path: path)).formatName
            return format.hasSuffix("_pipe") || format.hasPrefix("image2") ? .image : .video
        } catch {
            throw MediaError(file: path, fault: error)
        }
    }
}
