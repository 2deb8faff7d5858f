/// What names say of files. Files named on the command line may be called anything; this is for those that are looked for.
package enum MediaNames {
    private static let endings: Set<String> = [
        // Pictures.
        "jpg", "jpeg", "jpe", "jfif", "jfi", "jif", "pjpeg", "pjp", "png", "apng", "webp", "gif", "bmp", "dib", "tif",
        "tiff", "avif", "avifs", "heic", "heif", "hif", "heics", "jxl", "jp2", "j2k", "jpf", "jpx", "ppm", "pgm", "pbm",
        "pnm", "pam", "qoi",
        // Videos.
        "mp4", "m4v", "mov", "qt", "mkv", "webm", "avi", "divx", "mpg", "mpeg", "mpe", "m2v", "vob", "m2ts", "m2t",
        "wmv",
        "asf", "flv", "f4v", "ogv", "3gp", "3g2", "mxf", "y4m",
    ]

    /// Endings that other kinds of files have as well: programs in TypeScript.
    private static let ambiguous: Set<String> = ["ts", "mts"]

    /// Endings of files that begin like pictures or videos and are not read here: sound in containers of videos, and the
    /// raw pictures of cameras, which begin like TIFF and show a preview at most.
    private static let others: Set<String> = [
        "m4a", "m4b", "mka", "weba", "oga", "opus", "wma", "3fr", "arw", "cr2", "cr3", "dcr", "dng", "erf", "iiq",
        "kdc",
        "mef", "mos", "nef", "nrw", "orf", "pef", "rw2", "sr2", "srw",
    ]

    /// Whether a file's ending is one of pictures or videos alone.
    package static func isMedia(_ path: String) -> Bool { endings.contains(FileName.suffix(path)) }

    /// Whether a file's ending is one of pictures or videos, if not of them alone.
    package static func mayBeMedia(_ path: String) -> Bool {
        isMedia(path) || ambiguous.contains(FileName.suffix(path))
    }

    /// Whether a file's ending is one of those that begin like pictures or videos and are others.
    package static func isOther(_ path: String) -> Bool { others.contains(FileName.suffix(path)) }
}
