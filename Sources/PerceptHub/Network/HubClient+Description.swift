import Foundation
import PerceptHubCache

/// A file with what has to be known before it can be fetched.
struct HubItem: Sendable, Hashable {
    let name: String
    let tag: String
    let size: Int
}

extension HubClient {
    /// Asks for the description of a revision, all pages of it.
    func listing(revision: String, _ onEvent: @escaping @Sendable (HubEvent) -> Void) async throws -> HubListing {
        let first = try descriptionURL(revision: revision)
        var (listing, next) = try await page(first, revision, onEvent)
        // Real ones have one page.
        var pages = 1
        while let address = next {
            let id = repository.id
            let url = try HubHeaders.redirect(address, from: first, what: id)
            pages += 1
            guard HubClient.isSameOrigin(url, settings.endpoint), pages <= 1000 else {
                throw HubError.malformed(
                    what: "the hub's description of \(id)", reason: "goes on elsewhere, or without an end")
            }
            let page: HubListing
            (page, next) = try await self.page(url, revision, onEvent)
            try listing.append(page, id: id)
        }
        return listing
    }

    private func page(
        _ url: URL, _ revision: String, _ onEvent: @escaping @Sendable (HubEvent) -> Void
    ) async throws -> (HubListing, next: String?) {
        let id = repository.id
        // Real ones have some kilobytes; a hundred thousand files would fit.
        let most = 16 << 20
        let onRetry = { reason, delay in onEvent(.retry(what: id, reason: reason, delay: delay)) }
        return try await retrying(id, onRetry: onRetry) {
            let body = Shared([UInt8]())
            do {
                let answer = try await send(
                    "GET", url, what: id,
                    accept: { _ in
                        body.change { $0 = [] }
                        return true
                    },
                    receive: { bytes in
                        try body.change { body throws(HubError) in
                            guard body.count + bytes.count <= most else {
                                throw HubError.malformed(
                                    what: "the hub's description of \(id)", reason: "has more than \(most) bytes")
                            }
                            body.append(contentsOf: bytes)
                        }
                    })
                let listing = try body.value.withUnsafeBytes { bytes throws(HubError) in try HubListing(bytes, id: id) }
                return (listing, answer["Link"].flatMap(HubHeaders.nextPage))
            } catch HubError.unexpectedStatus(_, 404) {
                throw HubError.repositoryMissing(id: id, hasToken: settings.token != nil)
            } catch HubError.revisionMissing {
                throw HubError.revisionMissing(id: id, revision: revision)
            }
        }
    }

    /// Asks for the size and the tag of a file where the listing does not have them.
    func identify(
        _ file: HubListing.File, _ commit: String, _ onEvent: @escaping @Sendable (HubEvent) -> Void
    ) async throws -> HubItem {
        if let tag = file.tag, let size = file.size { return HubItem(name: file.name, tag: tag, size: size) }
        let url = try fileURL(file.name, commit: commit)
        let onRetry = { reason, delay in onEvent(.retry(what: file.name, reason: reason, delay: delay)) }
        let answer = try await retrying(file.name, onRetry: onRetry) {
            try await named(file.name) {
                try await send("HEAD", url, what: file.name, stop: "X-Linked-Etag")
            }
        }
        guard let tag = file.tag ?? (answer["X-Linked-Etag"] ?? answer["ETag"]).flatMap(HubHeaders.tag) else {
            throw HubError.malformed(what: file.name, reason: "the hub names no tag for its contents")
        }
        // The length of a redirect is not that of the file.
        let size =
            file.size ?? answer.bytes("X-Linked-Size") ?? (answer.isRedirect ? nil : answer.bytes("Content-Length"))
        guard let size else { throw HubError.malformed(what: file.name, reason: "the hub does not say its size") }
        return HubItem(name: file.name, tag: tag, size: size)
    }

    /// Missing files are missing by their own name.
    func named<T>(_ file: String, _ body: () async throws -> T) async throws -> T {
        do { return try await body() } catch HubError.unexpectedStatus(_, 404) {
            throw HubError.fileMissing(id: repository.id, file: file)
        }
    }
}
