import Foundation
import PerceptFrame
import PerceptMedia
import Synchronization
import TestSupport
import Testing

/// Pictures in datagrams of RTP: described by a file, by nothing, and by a camera's server.
@Suite(.serialized) struct RTPTests {
    private var options: LiveOptions {
        var options = LiveOptions()
        options.reconnection.attempts = 1
        options.reconnection.firstWait = 0.05
        options.reconnection.patience = 5
        return options
    }

    /// Sends a stream in RTP over and over, from a thread of its own, until it goes.
    private final class Sender: Sendable {
        private let isDone = Atomic(false)
        private let ended = DispatchSemaphore(value: 0)

        init(_ stream: [UInt8], to port: Int, type: Int = 33) {
            Thread.detachNewThread { [self] in
                let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
                for packet in RTP.packets(stream, repeated: 1000, type: type) {
                    guard !isDone.load(ordering: .acquiring) else { break }
                    StreamServer.sendDatagram(descriptor, packet, to: port)
                    usleep(2000)
                }
                close(descriptor)
                ended.signal()
            }
        }

        func stop() {
            isDone.store(true, ordering: .releasing)
            ended.wait()
        }
    }

    /// A port with a free one behind it, for the sender's reports.
    private func freePort() throws -> Int {
        while true {
            let descriptors = [
                socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0), socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0),
            ]
            defer { for descriptor in descriptors { close(descriptor) } }
            let port = try StreamServer.bind(descriptors[0])
            if port % 2 == 0, (try? StreamServer.bind(descriptors[1], port: port + 1)) != nil { return port }
        }
    }

    private func received(_ name: String, from sender: Sender) throws {
        let collected = Result { try Collected(try LiveInput.open(name, options), most: 40) }
        sender.stop()
        let found = try collected.get()
        #expect(found.frames.count == 40)
        #expect(zip(found.frames, found.frames.dropFirst()).allSatisfy { $0.time < $1.time })
    }

    @Test func aDescriptionSaysWherePacketsArrive() throws {
        let port = try freePort()
        let folder = try TemporaryFolder()
        let file = try folder.write(description(port), "camera.SDP")
        try received(file, from: Sender(try TestVideo(rate: 50, frames: 200).bytes(), to: port))
    }

    @Test func packetsThatDescribeThemselvesNeedNoDescription() throws {
        let port = try freePort()
        try received(
            "rtp://127.0.0.1:\(port)", from: Sender(try TestVideo(rate: 50, frames: 200).bytes(), to: port))
    }

    @Test func packetsThatWantADescriptionSaySo() throws {
        let port = try freePort()
        let sender = Sender(try TestVideo(frames: 20).bytes(), to: port, type: 96)
        let error = #expect(throws: MediaError.self) { try LiveInput.open("rtp://127.0.0.1:\(port)", options) }
        sender.stop()
        guard case .unreachable(let reason) = error?.fault else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("SDP"), "\(reason)")
    }

    @Test func aPortInUseIsTold() throws {
        let taken = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(taken) }
        let port = try StreamServer.bind(taken)
        let folder = try TemporaryFolder()
        let file = try folder.write(description(port), "a.sdp")
        let error = #expect(throws: MediaError.self) { try LiveInput.open(file, options) }
        guard case .unreachable(let reason) = error?.fault else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(reason.contains("in use"), "\(reason)")
    }

    private func description(_ port: Int) -> Data {
        let address = "IN IP4 127.0.0.1"
        return Data(
            "v=0\r\no=- 0 0 \(address)\r\ns=a\r\nc=\(address)\r\nt=0 0\r\nm=video \(port) RTP/AVP 33\r\n".utf8)
    }

    /// A file that is not named as one opens no port.
    @Test func aDescriptionByAnotherNameIsNone() throws {
        let folder = try TemporaryFolder()
        let file = try folder.write(description(9), "a.ts")
        let start = ContinuousClock.now
        #expect(throws: MediaError.self) { try LiveInput.open(file, options) }
        #expect(start.duration(to: .now) < .seconds(1))
    }

    @Test func aDescriptionOfNothingIsATypedError() throws {
        let folder = try TemporaryFolder()
        for text in ["", "hello", "v=0\r\n"] {
            let file = try folder.write(Data(text.utf8), "a.sdp")
            #expect(throws: MediaError.self) { try LiveInput.open(file, options) }
        }
        #expect(throws: MediaError(file: "/nonexistent.sdp", fault: .missing)) {
            try LiveInput.open("/nonexistent.sdp", options)
        }
    }

    @Test func aCameraThatSendsDatagramsOnly() throws {
        let stream = try TestVideo(rate: 50, frames: 100).bytes()
        let server = try StreamServer { connection in
            if connection.index < 2 { RTSPCamera.serve(connection, stream, over: .udp) }
        }
        let source = try LiveInput.open("rtsp://127.0.0.1:\(server.port)/camera", options)
        #expect(source.description.format == "mpeg2video")
        var frames = 0
        var notices: [String] = []
        do {
            while let event = try source.next() {
                switch event {
                case .frame: frames += 1
                case .notice(.reconnecting(let attempt, _)): notices.append("reconnecting \(attempt)")
                case .notice(.reconnected): notices.append("reconnected")
                case .notice: break
                }
            }
            Issue.record("the end of a camera is no error")
        } catch {
            #expect(notices == ["reconnecting 1", "reconnected", "reconnecting 1"])
        }
        #expect(frames > 170 && frames <= 200, "\(frames) of 200")
    }
}
