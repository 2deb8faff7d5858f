import Foundation
import PerceptHub
import PerceptHubCache
import TestSupport
import Testing

extension HubTests {
    @Suite("What answers say")
    struct AnswerTests {
        private func answer(_ head: String) throws -> HTTPAnswer? {
            HTTPAnswer(head: Array(head.utf8), url: try #require(URL(string: "https://hub.example/a/b")))
        }

        @Test("Heads, also of servers that do not keep to the rules")
        func heads() throws {
            let sound = try #require(
                try answer("HTTP/1.1 302 Found\r\nLocation:  /x \r\nETag: \"a\"\nlocation: /y\r\n"))
            #expect(sound.status == 302 && sound.isRedirect)
            #expect(sound["location"] == "/x" && sound["ETAG"] == "\"a\"")
            #expect(try answer("HTTP/2 200")?.status == 200)
            #expect(try answer("HTTP/1.1 200 OK\r\n: x\r\nno colon\r\n a: b\r\nÄ: ö\r\n")?["ä"] == "ö")
            for head in ["", "HTTP/1.1", "HTTP/1.1 20", "HTTP/1.1 -20 x", "HTTP/1.1 2000", "ICY 200 OK", "\u{0}\r\n"] {
                #expect(try answer(head) == nil, "\(head)")
            }
            #expect(try answer("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n")?.bytes("content-length") == 12)
            for text in ["-1", "1x", "", "99999999999999999999", "+1"] {
                #expect(try answer("HTTP/1.1 200 OK\r\nContent-Length: \(text)\r\n")?.bytes("content-length") == nil)
            }
        }

        @Test("Entity tags")
        func tags() {
            for field in ["\"abc\"", "W/\"abc\"", "abc", " \"abc\" "] { #expect(HubHeaders.tag(field) == "abc") }
            for field in [
                "", "\"\"", "\"a/b\"", "../x", ".x", "\"a\\b\"", "/\u{301}", String(repeating: "a", count: 129),
            ] {
                #expect(HubHeaders.tag(field) == nil, "\(field)")
            }
        }

        @Test("Ranges")
        func ranges() throws {
            let range = try #require(HubHeaders.range("bytes 100-199/200"))
            #expect(range.first == 100 && range.size == 200)
            #expect(try #require(HubHeaders.range("bytes 0-0/*")).size == nil)
            for field in [
                "", "bytes */200", "bytes 5-4/9", "bytes 0-9/9", "bytes -1-2/3", "items 0-1/2", "bytes 0-1/2/3",
            ] {
                #expect(HubHeaders.range(field) == nil, "\(field)")
            }
        }

        @Test("Waits, by the server's own clock")
        func waits() throws {
            func wait(_ fields: String) throws -> Duration? {
                HubHeaders.wait(try #require(try answer("HTTP/1.1 429 Later\r\n" + fields)))
            }
            #expect(try wait("Retry-After: 7\r\n") == .seconds(7))
            #expect(try wait("Retry-After: 999999999\r\n") == .seconds(86400))
            let date = "Retry-After: Wed, 21 Oct 2015 07:28:30 GMT\r\n"
            #expect(try wait(date + "Date: Wed, 21 Oct 2015 07:28:00 GMT\r\n") == .seconds(30))
            #expect(try wait(date) == .zero)
            #expect(try wait("RateLimit: \"api\";r=0;t=55\r\n") == .seconds(55))
            for fields in [
                "", "Retry-After: soon\r\n", "Retry-After: -3\r\n", "RateLimit: r=0\r\n", "RateLimit: t=\r\n",
            ] {
                #expect(try wait(fields) == nil, "\(fields)")
            }
        }

        @Test("Redirects")
        func redirects() throws {
            let source = try #require(URL(string: "https://hub.example/a/b?c"))
            func target(_ location: String) throws -> String {
                try HubHeaders.redirect(location, from: source, what: "x").absoluteString
            }
            #expect(try target("/d") == "https://hub.example/d")
            #expect(try target("d?e=%20f") == "https://hub.example/a/d?e=%20f")
            #expect(try target("//other.example/x") == "https://other.example/x")
            #expect(try target("HTTPS://other.example/x").hasSuffix("://other.example/x"))
            for location in [
                "", "http://hub.example/", "HTTP://hub.example/", "ftp://hub.example/", "file:///etc/passwd",
                "https:///x",
            ] {
                #expect(throws: HubError.self, "\(location)") { try target(location) }
            }
            #expect(throws: HubError.badRedirect(what: "x", target: "http://hub.example/x…")) {
                try target("http://name:word@hub.example/x?signature=secret")
            }
        }

        @Test("Next pages")
        func pages() {
            #expect(HubHeaders.nextPage("</a?b>; rel=\"next\"") == "/a?b")
            #expect(HubHeaders.nextPage("<x>; rel=prev, <y>; title=\"a\"; rel=next") == "y")
            for field in ["", "<x>", "<x>; rel=prev", "rel=next", "<", "<>", "<x; rel=next"] {
                #expect(HubHeaders.nextPage(field) == nil, "\(field)")
            }
        }

        @Test("What is not a model's file")
        func foreign() {
            func content(_ text: String, _ file: String = "model.safetensors") -> ForeignContent? {
                ForeignContent(text.utf8, file: file)
            }
            #expect(content("version https://git-lfs.github.com/spec/v1\noid sha256:0\n") == .lfsPointer)
            for text in [
                "<!DOCTYPE html><p>", "\u{FEFF}\n <HTML lang=x>", "<!-- x --><html>", "<?xml version='1'?>\n<html>",
            ] {
                #expect(content(text) == .webPage, "\(text)")
                #expect(content(text, "page.HTML") == nil)
            }
            for text in ["", "{}", "<", "<!--", "PK", "version https://example.com", "<svg>"] {
                #expect(content(text) == nil, "\(text)")
            }
        }

        @Test("Listings: sizes as text, a file twice, and pages of one commit")
        func listings() throws {
            func listing(_ text: String, commit: String = FakeHub.commit) throws -> HubListing {
                let text = Array(#"{"sha": "\#(commit)", "siblings": [\#(text)]}"#.utf8)
                return try text.withUnsafeBytes { bytes throws(HubError) in try HubListing(bytes, id: "a/b") }
            }
            let one = #"{"rfilename": "x", "size": "12", "blobId": "ab"}"#
            #expect(try listing(one).files.map(\.size) == [12])
            #expect(try listing(one + "," + one).files.count == 1)
            #expect(throws: HubError.self) { try listing(one + #",{"rfilename": "x", "size": 13}"#) }
            var first = try listing(one)
            try first.append(try listing(#"{"rfilename": "y"}"#), id: "a/b")
            #expect(first.files.map(\.name) == ["x", "y"])
            let other = try listing("", commit: String(repeating: "f", count: 40))
            #expect(throws: HubError.self) { try first.append(other, id: "a/b") }
            let page = Array("<!doctype html><title>Log in</title>".utf8)
            #expect(throws: HubError.foreign(what: "the hub's description of a/b", content: .webPage)) {
                try page.withUnsafeBytes { bytes throws(HubError) in try HubListing(bytes, id: "a/b") }
            }
        }

        @Test("References and places in the cache")
        func references() throws {
            #expect(HubCache.commit(Array("abc\n".utf8)) == "abc")
            for text in ["", "..", "a/b", "../a", "\0", "a\nb"] {
                #expect(HubCache.commit(Array(text.utf8)) == nil, "\(text)")
            }
            #expect(HubCache.commit([0xFF, 0x2F, 0x2E, 0x2E]) == nil)
            let place = "/x/models--a--b/snapshots/c/model.safetensors"
            #expect(HubCache.repository(at: place)?.id == "a/b")
            for path in ["/x/models--a--b", "/x/models--/snapshots/c", "/x/model.safetensors", "/models--a--b/x/y"] {
                #expect(HubCache.repository(at: path) == nil, "\(path)")
            }
            let environment = ["HF_HUB_CACHE": "$BASE/${NAME}/$/$NONE/${", "BASE": "/base", "NAME": "n"]
            #expect(HubCache(environment: environment).root.path == "/base/n/$/$NONE/${")
        }
    }

    @Suite("Whose certificates are trusted", .serialized)
    struct AuthorityTests {
        private func file(_ name: String) -> String { TLSServer.folder.appending(path: name).path }

        @Test("The first variable that is set counts, and has to name what is there")
        func variables() throws {
            let (here, other) = (file("here.pem"), file("elsewhere.pem"))
            func chosen(_ environment: [String: String]) throws -> [String?] {
                let chosen = try TrustedAuthorities(environment: environment)
                return [chosen.variable, chosen.path]
            }
            #expect(try TrustedAuthorities(environment: ["SSL_CERT_FILE": ""]) == .system)
            #expect(
                try chosen(["SSL_CERT_FILE": here, "SSL_CERT_DIR": "/", "CURL_CA_BUNDLE": other]) == [
                    "SSL_CERT_FILE", here,
                ])
            #expect(try chosen(["SSL_CERT_DIR": "/tmp", "REQUESTS_CA_BUNDLE": here]) == ["SSL_CERT_DIR", "/tmp"])
            #expect(try chosen(["REQUESTS_CA_BUNDLE": here, "CURL_CA_BUNDLE": other]) == ["REQUESTS_CA_BUNDLE", here])
            #expect(try chosen(["CURL_CA_BUNDLE": other]) == ["CURL_CA_BUNDLE", other])
            for wrong in [["SSL_CERT_FILE": "/nowhere"], ["SSL_CERT_FILE": "/tmp"], ["SSL_CERT_DIR": here]] {
                let error = #expect(throws: HubError.self) { try HubSettings(environment: wrong) }
                #expect(error.map { "\($0)" }?.contains(try #require(wrong.keys.first)) == true)
            }
        }

        /// What a server with a certificate, whose one answer is that there is no such model, comes to.
        private func ask(_ certificate: String, _ environment: [String: String]) async throws -> HubError? {
            let answer = "HTTP/1.1 404 Not Found\r\nX-Error-Code: RepoNotFound\r\nContent-Length: 0\r\n\r\n"
            setenv("no_proxy", "127.0.0.1", 1)
            let server = try TLSServer(certificate, Array(answer.utf8))
            let cache = TestCache()
            var settings = HubSettings(
                endpoint: try #require(URL(string: "https://127.0.0.1:\(server.port)")), token: nil,
                cache: HubCache(root: cache.root))
            settings.authorities = try TrustedAuthorities(environment: environment)
            let pull = try HubPull(try HubRepository("a/b"), settings: settings)
            let error = await #expect(throws: HubError.self) { try await pull.run() }
            server.wait()
            return error
        }

        @Test(
            "A private authority is trusted where a variable names it",
            arguments: ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
        func named(variable: String) async throws {
            let error = try await ask("here.pem", [variable: file("here.pem")])
            #expect(error == .repositoryMissing(id: "a/b", hasToken: false))
        }

        @Test("One that is not is refused at once, and the message says which variables help")
        func refused() async throws {
            for environment in [[:], ["SSL_CERT_FILE": file("elsewhere.pem")]] {
                let error = try await ask("here.pem", environment)
                guard case .untrusted("127.0.0.1", _, let authorities) = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(authorities.contains(environment.isEmpty ? "system" : "elsewhere.pem"))
                let text = error.map { "\($0)" } ?? ""
                for variable in TrustedAuthorities.variables { #expect(text.contains(variable), "\(text)") }
            }
        }

        @Test("Neither out of date nor for another name", arguments: ["expired.pem", "elsewhere.pem"])
        func wrong(certificate: String) async throws {
            guard case .untrusted = try await ask(certificate, ["SSL_CERT_FILE": file(certificate)]) else {
                Issue.record("it was trusted")
                return
            }
        }
    }
}
