import Foundation
import PerceptFrame
import PerceptMedia
import TestSupport
import Testing

/// Servers that are there and say nothing, or hardly anything.
@Suite(.serialized) struct OpeningTests {
    /// Kinds of address; of datagrams none comes.
    private static let schemes = ["http", "https", "tcp", "rtsp", "rtsps", "udp", "rtp"]

    private func options(patience: Double) -> LiveOptions {
        var options = LiveOptions()
        options.reconnection.patience = patience
        options.checksCertificates = false
        return options
    }

    private func fault(_ address: String, _ options: LiveOptions, _ signal: StopSignal? = nil) -> MediaError.Fault? {
        do throws(MediaError) {
            _ = try LiveInput.open(address, options, stoppedBy: signal)
            return nil
        } catch {
            return error.fault
        }
    }

    @Test(arguments: schemes)
    func stoppingEndsOpening(_ scheme: String) throws {
        let server = try StreamServer { $0.waitForEnd() }
        let signal = try StopSignal()
        let ended = DispatchSemaphore(value: 0)
        let address = "\(scheme)://127.0.0.1:\(server.port)/live"
        Thread.detachNewThread {
            _ = try? LiveInput.open(address, self.options(patience: 30), stoppedBy: signal)
            ended.signal()
        }
        #expect(ended.wait(timeout: .now() + 0.15) == .timedOut, "opening ends by itself")
        let start = ContinuousClock.now
        signal.stop()
        #expect(ended.wait(timeout: .now() + 20) == .success)
        let stopped = start.duration(to: .now).inSeconds
        #expect(stopped < 0.5, "\(stopped) s")
    }

    @Test(arguments: schemes)
    func openingHasALimit(_ scheme: String) throws {
        let server = try StreamServer { $0.waitForEnd() }
        let start = ContinuousClock.now
        let fault = fault("\(scheme)://127.0.0.1:\(server.port)/live", options(patience: 0.25))
        let elapsed = start.duration(to: .now).inSeconds
        #expect(fault == .unreachable("nothing came for 0.25 s"))
        #expect(elapsed >= 0.24 && elapsed < 0.8, "\(elapsed) s")
    }

    /// The limit is one for all of opening, however often something comes.
    @Test func aServerThatDripsIsNotWaitedForEither() throws {
        let stream = try TestVideo(frames: 200).bytes()
        let server = try StreamServer { connection in
            guard connection.request() != nil, connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n") else {
                return
            }
            for byte in stream where connection.send([byte]) { usleep(20_000) }
        }
        let start = ContinuousClock.now
        let fault = fault("http://127.0.0.1:\(server.port)/live.ts", options(patience: 0.35))
        let elapsed = start.duration(to: .now).inSeconds
        #expect(fault == .unreachable("nothing came for 0.35 s"))
        #expect(elapsed < 0.9, "\(elapsed) s")
    }

    @Test func stoppingEndsAReconnectionToASilentServer() throws {
        let stream = try TestVideo(frames: 30).bytes()
        let server = try StreamServer { connection in
            if connection.index == 0 {
                guard connection.request() != nil, connection.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
                else { return }
                connection.send(stream)
            } else {
                connection.waitForEnd()
            }
        }
        var options = options(patience: 30)
        options.reconnection.firstWait = 0.05
        let source = try LiveInput.open("http://127.0.0.1:\(server.port)/live.ts", options)
        let stopped = try stopsWithin(source, after: 0.8)
        #expect(server.connections == 2)
        #expect(stopped < 0.5, "\(stopped) s")
    }

    @Test func stoppingEndsAWaitForAPipesWriter() throws {
        let folder = try TemporaryFolder()
        let path = folder.url.appending(path: "pipe").path
        #expect(mkfifo(path, 0o600) == 0)
        let signal = try StopSignal()
        let ended = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            _ = try? LiveInput.open(path, stoppedBy: signal)
            ended.signal()
        }
        #expect(ended.wait(timeout: .now() + 0.3) == .timedOut, "a pipe without a writer is at its end")
        let start = ContinuousClock.now
        signal.stop()
        #expect(ended.wait(timeout: .now() + 20) == .success)
        let stopped = start.duration(to: .now).inSeconds
        #expect(stopped < 0.2, "\(stopped) s")
    }
}
