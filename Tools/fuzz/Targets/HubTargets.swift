import Foundation
import PerceptHub
import PerceptHubCache

private let commit = String(repeating: "0123456789", count: 4)

/// Bytes of a name between slashes, whatever characters they are a part of.
private func leavesItsFolder(_ name: String) -> Bool {
    name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).contains { part in
        part.isEmpty || part.elementsEqual("..".utf8) || part.elementsEqual(".".utf8)
    }
}

let hubTargets: [FuzzTarget] = [
    FuzzTarget(
        "hub-listing", "the hub's description of a model, and which of its files are taken", longest: 1 << 13,
        made: {
            let listing = """
                {"sha":"\(commit)","siblings":[{"rfilename":"config.json","size":12,"blobId":"\(commit)"},
                {"rfilename":"model.safetensors","size":99,"lfs":{"size":99,"sha256":"\(commit)012345678901234567890123"}}]}
                """
            return [("listing", Array(listing.utf8))]
        },
        words: [
            "\"rfilename\":", "\"../x\"", "\"lfs\":", "\"size\":", "\"blobId\":", "\"sha256\":", "\"siblings\":",
            "model.safetensors", "-1", "pytorch_model.bin", "model-00001-of-00002.safetensors", "/\u{301}",
        ]
    ) { bytes in
        var listing = try HubListing(bytes, id: "owner/name")
        require(SafeName.isCommit(listing.commit), "a commit of \(listing.commit)")
        for file in listing.files {
            require(!leavesItsFolder(file.name) && file.size ?? 0 >= 0, "a file called \(file.name)")
            require(file.tag.map { !$0.utf8.contains(UInt8(ascii: "/")) } ?? true, "contents called \(file.tag ?? "")")
        }
        let names = listing.files.map(\.name)
        let chosen = FileSelection.files(names, repository: "name")
        require(Set(chosen).isSubset(of: names), "files that are not there are wanted")
        // No file may be there twice, also where it is on another page.
        let count = names.count
        if count > 0, (try? listing.append(listing, id: "owner/name")) != nil {
            require(Set(listing.files.map(\.name)).count == listing.files.count, "files are there twice")
        }
    },
    FuzzTarget(
        "hub-answers", "heads of answers: statuses, redirects, ranges, tags, waits", longest: 1024,
        made: {
            [
                (
                    "file",
                    Array(
                        "HTTP/1.1 206 Partial\r\nContent-Range: bytes 100-199/200\r\nETag: W/\"ab\"\r\nX-Linked-Size: 9\r\n\r\n"
                            .utf8)
                ),
                (
                    "wait",
                    Array(
                        "HTTP/2 429 \r\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\r\nRateLimit: \"api\";r=0;t=55\r\n\r\n"
                            .utf8)
                ),
                ("moved", Array("HTTP/1.1 302 Found\r\nLocation: //u:p@[::1]:1/a?b#c\r\n\r\n".utf8)),
                ("pages", Array("HTTP/1.1 200 OK\r\nLink: <https://hub/x?cursor=1>; rel=\"next\"\r\n\r\n".utf8)),
            ]
        },
        words: [
            "Content-Range: bytes ", "Retry-After: ", "RateLimit: t=", "ETag: ", "Location: https://", "Link: <",
            ">; rel=next", "9223372036854775807", "-", "*/", "Date: ", "X-Linked-Etag: ", "X-Linked-Size: ",
        ]
    ) { bytes in
        guard let source = URL(string: "https://hub.invalid/a/b") else { return }
        guard let answer = HTTPAnswer(head: bytes, url: source) else { return }
        require((100...999).contains(answer.status), "a status of \(answer.status)")
        for name in ["Content-Length", "X-Linked-Size"] {
            require(answer.bytes(name) ?? 0 >= 0, "\(name) is negative")
        }
        if let range = answer["Content-Range"].flatMap(HubHeaders.range) {
            require(range.first >= 0 && range.size ?? .max > range.first, "a range from \(range)")
        }
        if let wait = HubHeaders.wait(answer, now: Date(timeIntervalSince1970: 1_790_000_000)) {
            require(wait >= .zero && wait <= .seconds(86400), "a wait of \(wait)")
        }
        if let tag = answer["ETag"].flatMap(HubHeaders.tag) {
            require(!tag.utf8.contains(UInt8(ascii: "/")) && !tag.hasPrefix("."), "contents called \(tag)")
        }
        _ = answer["Link"].flatMap(HubHeaders.nextPage)
        if let location = answer["Location"] {
            let target = try HubHeaders.redirect(location, from: source, what: "a file")
            require(target.scheme?.lowercased() == "https", "a redirect to \(target)")
            require(!HubHeaders.shown(location).contains("?"), "a signature is shown")
        }
    },
    FuzzTarget(
        "hub-names", "names of repositories and contents, near names", longest: 256,
        made: {
            [
                ("id", Array("facebook/PE-Core-B16-224".utf8)), ("bare", Array("gpt2".utf8)),
                ("pointer", Array("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n".utf8)),
            ]
        }, words: ["--", "..", "/", "models--", "<!doctype html", "<html", "version https://git-lfs"]
    ) { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        _ = NearNames.of(text, in: ["facebook/PE-Core-B16-224", "owner/name", text + "x"])
        _ = ForeignContent(bytes.prefix(ForeignContent.prefixLength), file: "config.json")
        if let commit = HubCache.commit(bytes) { require(!leavesItsFolder(commit), "a commit called \(commit)") }
        let repository = try HubRepository(text)
        require(!repository.folderName.utf8.contains(UInt8(ascii: "/")), "a folder called \(repository.folderName)")
    },
]
