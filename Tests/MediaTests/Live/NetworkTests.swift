import Foundation
import PerceptFrame
import PerceptMedia
import Synchronization
import Testing

@Suite(.serialized) struct NetworkTests {
    private func options(attempts: Int = 3) -> LiveOptions {
        var options = LiveOptions()
        options.reconnection.attempts = attempts
        options.reconnection.firstWait = 0.05
        options.reconnection.patience = 5
        return options
    }

    private static let head = "HTTP/1.1 200 OK\r\nContent-Type: video/MP2T\r\nConnection: close\r\n\r\n"

    /// Events in short: `f` for frames in a row, and the notices.
    private func play(_ source: any LiveSource) -> (events: [String], times: [Double], error: MediaError?) {
        var (events, times): ([String], [Double]) = ([], [])
        do {
            while let event = try source.next() {
                switch event {
                case .frame(let frame):
                    if events.last != "frames" { events.append("frames") }
                    times.append(frame.time)
                case .notice(.reconnecting(let attempt, _)): events.append("reconnecting \(attempt)")
                case .notice(.reconnected): events.append("reconnected")
                case .notice(.corrupt), .notice(.remark): break
                case .notice(.resized): events.append("resized")
                }
            }
            return (events, times, nil)
        } catch {
            return (events, times, error as? MediaError)
        }
    }

    @Test func aLiveStreamThatBreaksOffIsOpenedAgain() throws {
        let stream = try TestVideo(frames: 60).bytes()
        let server = try StreamServer { connection in
            guard connection.request() != nil else { return }
            switch connection.index {
            case 0: if connection.send(Self.head) { connection.send(stream.prefix(stream.count / 2)) }
            // The server is there, but not well.
            case 1: connection.send("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
            case 2: if connection.send(Self.head) { connection.send(stream) }
            default: break
            }
        }
        let source = try LiveInput.open("http://127.0.0.1:\(server.port)/live.ts", options())
        #expect(source.description.width == 160 && source.description.format == "mpeg2video")
        let (events, times, error) = play(source)
        #expect(
            events == [
                "frames", "reconnecting 1", "reconnecting 2", "reconnected", "frames", "reconnecting 1",
                "reconnecting 2", "reconnecting 3",
            ])
        #expect(times.count >= 84 && times.count <= 90, "\(times.count) of 30 and 60 frames")
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
        guard case .lost(let reason) = error?.fault else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.hasSuffix("3 attempts to get it back failed"))
        #expect(server.connections == 6)
    }

    /// A film on a server goes on where it broke off: each frame comes once.
    @Test func aFilmGoesOnWhereItBrokeOff() throws {
        for container in ["matroska", "mpegts"] {
            let film = try TestVideo(
                width: 320, height: 240, frames: 250, encoder: "mpeg4", container: container
            ).bytes()
            let path = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID())")
            try Data(film).write(to: path)
            defer { try? FileManager.default.removeItem(at: path) }
            let whole = try Collected(try LiveInput.open(path.path, .fast), hashes: true)
            #expect(whole.frames.count == 250)
            let isCut = Atomic(false)
            let server = try StreamServer { connection in
                guard let request = connection.request() else { return }
                let range = request.first { $0.lowercased().hasPrefix("range:") }
                let start = range.flatMap { Int($0.drop { !$0.isNumber }.prefix { $0.isNumber }) } ?? 0
                guard start < film.count else { return }
                let head =
                    "HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\nConnection: close\r\n"
                    + "Content-Length: \(film.count - start)\r\n"
                    + "Content-Range: bytes \(start)-\(film.count - 1)/\(film.count)\r\n\r\n"
                guard connection.send(head) else { return }
                // The first to come past the middle loses its connection there.
                let middle = film.count / 2
                if start < middle, !isCut.exchange(true, ordering: .sequentiallyConsistent) {
                    connection.send(film[start..<middle])
                } else {
                    connection.send(film[start...])
                }
            }
            let source = try LiveInput.open("http://127.0.0.1:\(server.port)/film", options())
            let collected = try Collected(source, hashes: true)
            #expect(collected.notices.contains(.reconnected), "\(container): \(collected.notices)")
            #expect(collected.frames.map(\.number) == Array(0..<collected.frames.count))
            // What the cut left of a picture in the middle may be lost, but nothing comes twice or out of order.
            #expect(collected.frames.count >= 248 && collected.frames.count <= 250, "\(container)")
            #expect(zip(collected.frames, collected.frames.dropFirst()).allSatisfy { $0.time < $1.time })
            let expected = Dictionary(grouping: zip(whole.frames, whole.hashes)) { Int(($0.0.time * 25).rounded()) }
            let right = zip(collected.frames, collected.hashes).count { frame, hash in
                expected[Int((frame.time * 25).rounded())]?.first?.1 == hash
            }
            #expect(right >= 240, "\(container): \(right) frames are those of the film")
        }
    }

    @Test func silenceIsALostConnection() throws {
        let stream = try TestVideo(frames: 60).bytes()
        let server = try StreamServer { connection in
            guard connection.request() != nil, connection.index < 2, connection.send(Self.head) else { return }
            connection.send(connection.index == 0 ? stream.prefix(stream.count / 2) : stream[...])
            if connection.index == 0 { connection.waitForEnd() }
        }
        var options = options(attempts: 1)
        options.reconnection.patience = 0.5
        let source = try LiveInput.open("http://127.0.0.1:\(server.port)/live.ts", options)
        let start = ContinuousClock.now
        var reasons: [String] = []
        while true {
            guard let event = try? source.next() else { break }
            if case .notice(.reconnecting(_, let reason)) = event { reasons.append(reason) }
        }
        #expect(reasons.first?.contains("nothing came for") == true, "\(reasons)")
        #expect(start.duration(to: .now) < .seconds(5))
        #expect(server.connections == 3)
    }

    @Test func stoppingEndsAWaitForTheNetwork() throws {
        let stream = try TestVideo(frames: 60).bytes()
        let server = try StreamServer { connection in
            guard connection.request() != nil, connection.send(Self.head) else { return }
            connection.send(stream)
            connection.waitForEnd()
        }
        var worst = 0.0
        for round in 0..<4 {
            let source = try LiveInput.open("http://127.0.0.1:\(server.port)/live.ts", options())
            worst = max(worst, try stopsWithin(source, after: 0.3 + 0.03 * Double(round)))
        }
        // FFmpeg looks every 100 ms; the rest is what a busy machine takes.
        #expect(worst < 0.2, "\(worst) s")
    }

    @Test func stoppingEndsAWaitForAReconnection() throws {
        let stream = try TestVideo(frames: 30).bytes()
        let server = try StreamServer { connection in
            guard connection.request() != nil, connection.index == 0, connection.send(Self.head) else { return }
            connection.send(stream)
        }
        var options = options()
        options.reconnection.firstWait = 60
        options.reconnection.longestWait = 60
        let source = try LiveInput.open("http://127.0.0.1:\(server.port)/live.ts", options)
        let stopped = try stopsWithin(source, after: 0.5)
        #expect(stopped < 0.1, "\(stopped) s")
    }

    @Test func serversWithoutAStreamAreTypedErrors() throws {
        func fault(_ address: String) -> MediaError? {
            do throws(MediaError) {
                _ = try LiveInput.open(address, options())
                return nil
            } catch {
                return error
            }
        }
        let server = try StreamServer { connection in
            guard let request = connection.request() else { return }
            if request[0].contains("/moved") {
                // An address may not lead to a file of this machine.
                let file = Manifest.path("h264.ts")
                connection.send("HTTP/1.1 302 Found\r\nLocation: file://\(file)\r\nContent-Length: 0\r\n\r\n")
            } else if request[0].contains("/list") {
                let list =
                    "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://\(Manifest.path("h264.ts"))\n#EXT-X-ENDLIST\n"
                connection.send(
                    "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\n"
                        + "Content-Length: \(list.utf8.count)\r\n\r\n" + list)
            } else {
                connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            }
        }
        let base = "http://user:secret@127.0.0.1:\(server.port)"
        let missing = fault("\(base)/nothing.ts")
        #expect(missing?.file == "http://user:***@127.0.0.1:\(server.port)/nothing.ts")
        guard case .unreachable(let reason) = missing?.fault else {
            Issue.record("\(String(describing: missing))")
            return
        }
        #expect(reason.contains("404") && !reason.contains("secret"), "\(reason)")
        for name in ["moved", "list.m3u8"] { #expect(fault("\(base)/\(name)") != nil, "\(name)") }
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let port = try StreamServer.bind(descriptor)
        close(descriptor)
        guard case .unreachable = fault("http://127.0.0.1:\(port)/")?.fault,
            case .unreachable = fault("rtsp://127.0.0.1:\(port)/")?.fault
        else {
            Issue.record("a closed port answers")
            return
        }
    }

    @Test func aCameraOnTheNetworkOverRTSP() throws {
        let stream = try TestVideo(frames: 100).bytes()
        let server = try StreamServer { connection in
            if connection.index < 2 { RTSPCamera.serve(connection, stream) }
        }
        let source = try LiveInput.open("rtsp://127.0.0.1:\(server.port)/camera", options(attempts: 1))
        #expect(source.description.format == "mpeg2video")
        let (events, times, error) = play(source)
        #expect(events == ["frames", "reconnecting 1", "reconnected", "frames", "reconnecting 1"])
        #expect(times.count > 180 && times.count <= 200, "\(times.count) of 200 frames")
        #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
        #expect(error != nil)
    }

    @Test func datagramsOfATransportStream() throws {
        let stream = try TestVideo(rate: 50, frames: 500).bytes()
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        let free = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        let port = try StreamServer.bind(free)
        close(free)
        let isDone = Atomic(false)
        let sent = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            defer { sent.signal() }
            let packets = Array(stride(from: 0, to: stream.count, by: 7 * 188))
            for start in packets where !isDone.load(ordering: .acquiring) {
                StreamServer.sendDatagram(
                    descriptor, stream[start..<min(start + 7 * 188, stream.count)], to: port)
                usleep(5000)
            }
        }
        let source = try LiveInput.open("udp://127.0.0.1:\(port)", options())
        let collected = try Collected(source, most: 50)
        isDone.store(true, ordering: .releasing)
        sent.wait()
        close(descriptor)
        #expect(collected.frames.count == 50)
        #expect(zip(collected.frames, collected.frames.dropFirst()).allSatisfy { $0.time < $1.time })
    }
}
