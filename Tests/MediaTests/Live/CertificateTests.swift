import CPerceptMedia
import Foundation
import PerceptFrame
import PerceptMedia
import TestSupport
import Testing

/// Whom Percept believes to be who they say.
@Suite(.serialized) struct CertificateTests {
    private static let head = "HTTP/1.1 200 OK\r\nContent-Type: video/MP2T\r\nConnection: close\r\n\r\n"

    /// What a process of its own makes of a server: FFmpeg and Percept read `SSL_CERT_FILE` as it starts.
    private func probe(
        _ certificate: String, trusting trusted: String?, _ arguments: [String] = [], path: (Int) throws -> String
    ) async throws -> String {
        let stream = try TestVideo(frames: 30).bytes()
        let server = try TLSServer(certificate, Array(Self.head.utf8) + stream)
        var environment = ["no_proxy": "127.0.0.1", "SSL_CERT_FILE": ""]
        if let trusted { environment["SSL_CERT_FILE"] = TLSServer.folder.appending(path: trusted).path }
        let run = try await PerceptProcess.run(
            ["play", try path(server.port), "attempts=0", "frames=20", "quiet"] + arguments, program: "live-probe",
            environment: environment)
        return run.text
    }

    private func direct(_ port: Int) -> String { "https://127.0.0.1:\(port)/live.ts" }

    @Test func aCertificateOfNobodyIsRefused() async throws {
        let text = try await probe("here.pem", trusting: nil, path: direct)
        #expect(text.contains("error https://127.0.0.1"), "\(text)")
        #expect(text.contains("the certificate of 127.0.0.1 is refused: it is self-signed"), "\(text)")
        #expect(text.contains("SSL_CERT_FILE"), "\(text)")
    }

    @Test func aCertificateThatIsTrustedIsTaken() async throws {
        let text = try await probe("here.pem", trusting: "here.pem", path: direct)
        #expect(text.contains("source 160x96") && text.contains("end 20"), "\(text)")
    }

    @Test func aCertificateForAnotherNameIsRefused() async throws {
        let text = try await probe("elsewhere.pem", trusting: "elsewhere.pem", path: direct)
        #expect(text.contains("the certificate of 127.0.0.1 is refused: it is for another name"), "\(text)")
    }

    @Test func aCertificateOutOfDateIsRefused() async throws {
        let text = try await probe("expired.pem", trusting: "expired.pem", path: direct)
        #expect(text.contains("the certificate of 127.0.0.1 is refused: it is"), "\(text)")
    }

    @Test func whoAsksForNoCheckGetsNone() async throws {
        let text = try await probe("expired.pem", trusting: nil, ["unchecked"], path: direct)
        #expect(text.contains("source 160x96") && text.contains("end 20"), "\(text)")
    }

    /// What an address leads to is checked as it is.
    @Test(arguments: ["moved", "list.m3u8"])
    func soIsWhatAnAddressLeadsTo(_ name: String) async throws {
        for trusted in [nil, "here.pem"] {
            var servers: [StreamServer] = []
            let text = try await probe("here.pem", trusting: trusted) { port in
                let target = "https://127.0.0.1:\(port)/live.ts"
                let list = "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2,\n\(target)\n#EXT-X-ENDLIST\n"
                let answer =
                    name == "moved"
                    ? "HTTP/1.1 302 Found\r\nLocation: \(target)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    : "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n"
                        + "Content-Length: \(list.utf8.count)\r\nConnection: close\r\n\r\n" + list
                let server = try StreamServer { if $0.request() != nil { $0.send(answer) } }
                servers.append(server)
                return "http://127.0.0.1:\(server.port)/\(name)"
            }
            if trusted == nil {
                #expect(text.contains("error") && !text.contains("source"), "\(text)")
                #expect(text.contains("the certificate of 127.0.0.1 is refused: it is self-signed"), "\(text)")
            } else {
                #expect(text.contains("source 160x96") && text.contains("end 20"), "\(text)")
            }
        }
    }

    @Test func anAuthorityThatIsNotThereIsTold() async throws {
        let run = try await PerceptProcess.run(
            ["play", "https://127.0.0.1:9/"], program: "live-probe", environment: ["SSL_CERT_FILE": "/nonexistent.pem"])
        #expect(run.text.contains("SSL_CERT_FILE is /nonexistent.pem"), "\(run.text)")
    }

    @Test func whatCannotBeCheckedIsRefused() {
        #expect(
            throws: MediaError(
                file: "rtsps://user:***@camera.example:322/",
                fault: .untrusted(
                    host: "camera.example",
                    reason: "FFmpeg checks none for rtsps://, which is opened unchecked only (--insecure)"))
        ) { try LiveInput.open("rtsps://user:secret@camera.example:322/") }
    }
}
