import ArgumentParser
import Foundation

/// What a source is, as its name and the file of that name tell before it is opened.
enum SourceKind {
    case camera
    case address
    case pipe
    case test
    case images
    case file

    init(_ name: String) {
        if name.hasPrefix("test:") {
            self = .test
        } else if name == "-" {
            self = .pipe
        } else if name.contains("://") || name.hasSuffix(".sdp") {
            self = .address
        } else {
            var status = stat()
            let isThere = stat(name, &status) == 0
            switch isThere ? status.st_mode & S_IFMT : 0 {
            case S_IFCHR: self = .camera
            case S_IFIFO: self = .pipe
            case S_IFDIR: self = .images
            case S_IFREG: self = .file
            default: self = name.hasPrefix("/dev/") ? .camera : name.contains { "%*?[".contains($0) } ? .images : .file
            }
        }
    }
}

extension SourceOptions {
    /// - Throws: a usage error for an option that the kind of source would pass over.
    func refuseIdle(_ source: String) throws {
        let kind = SourceKind(source)
        let uses: [(option: String, isGiven: Bool, kinds: [SourceKind], what: String)] = [
            ("--size", size != nil, [.camera], "cameras"), ("--format", format != nil, [.camera], "cameras"),
            ("--rate", rate != nil, [.camera, .images], "cameras and folders of images"),
            ("--timeout", timeout != nil, [.camera, .address], "cameras and addresses"),
            ("--insecure", insecure, [.address], "addresses"),
            ("--as-fast-as-possible", asFastAsPossible, [.file, .images, .test], "files"),
        ]
        for use in uses where use.isGiven && !use.kinds.contains(kind) {
            // The source is not named: an address may hold a password.
            throw ValidationError("\(use.option) is for \(use.what); the source is none.")
        }
    }
}
