import Foundation
import PerceptFrame
import Synchronization

/// Where a program puts frames of its own for a stream: those of a game, of a camera with an interface of its own, of a
/// decoder.
///
/// ```swift
/// let input = FrameInput(name: "simulator")
/// Task { for image in pictures { await input.send(image) }; input.finish() }
/// for try await event in try encoder.watch(input.source) { ... }
/// ```
public final class FrameInput: Sendable {
    /// What is watched; once, as every source.
    public let source: FrameSource
    private let frames: PushedFrames

    /// - Parameters:
    ///   - name: what messages call the source.
    ///   - width: pixels of a row, if they are known, so that everything is made before the first frame comes.
    ///   - height: rows, likewise.
    ///   - frameRate: frames a second, if that is known.
    public init(name: String = "frames", width: Int = 0, height: Int = 0, frameRate: Double? = nil) {
        frames = PushedFrames(
            LiveDescription(name: name, width: width, height: height, frameRate: frameRate, format: "pushed"))
        source = FrameSource(frames)
    }

    /// Offers a frame, without waiting.
    ///
    /// - Parameters:
    ///   - image: of any size.
    ///   - time: seconds since the first frame by a clock of your own; nil for the time that has passed.
    /// - Returns: false where it was dropped, since the two before it still wait to be taken, or the stream has ended.
    @discardableResult
    public func offer(_ image: Image, time: Double? = nil) -> Bool { frames.offer(image.frame, time: time) == .taken }

    /// Hands a frame over, and waits while the two before it wait to be taken.
    ///
    /// - Returns: false where the stream has ended, or the task was cancelled.
    @discardableResult
    public func send(_ image: Image, time: Double? = nil) async -> Bool {
        while !Task.isCancelled {
            switch frames.offer(image.frame, time: time, countsDropped: false) {
            case .taken: return true
            case .ended: return false
            case .full: try? await Task.sleep(for: .milliseconds(1))
            }
        }
        return false
    }

    /// No frame comes any more: the stream ends behind the last.
    public func finish() { frames.finish() }
}

extension FrameSource {
    /// The images of a sequence as they come, each waited for until the one before is taken.
    ///
    /// - Parameters:
    ///   - images: read by a task of its own, which ends with the stream.
    ///   - name: what messages call the source.
    public init<Images: AsyncSequence & Sendable>(_ images: Images, name: String = "frames")
    where Images.Element == Image {
        let input = FrameInput(name: name)
        self = input.source
        Task {
            do {
                for try await image in images {
                    guard await input.send(image) else { break }
                }
                input.finish()
            } catch {
                input.fail(PerceptError(error))
            }
        }
    }
}

extension FrameInput {
    fileprivate func fail(_ error: PerceptError) { frames.finish(error) }
}

/// Frames between those who make them and the thread of a source, which waits for them.
private final class PushedFrames: LiveSource {
    enum Answer {
        case taken
        case full
        case ended
    }

    private struct State {
        var frames: [LiveFrame] = []
        var number = 0
        var first: ContinuousClock.Instant?
        var isAtEnd = false
        var error: PerceptError?
    }

    /// One that is taken and one that comes.
    private static let capacity = 2

    let description: LiveDescription
    private let state = Mutex(State())
    /// Signalled for each frame, and at the end.
    private let arrivals = DispatchSemaphore(value: 0)

    init(_ description: LiveDescription) { self.description = description }

    func offer(_ frame: DecodedFrame, time: Double?, countsDropped: Bool = true) -> Answer {
        let answer = state.withLock { state -> Answer in
            guard !state.isAtEnd else { return .ended }
            let now = ContinuousClock.now
            let first = state.first ?? now
            state.first = first
            guard state.frames.count < Self.capacity else {
                // A gap in the numbers is how a stream counts what it did not get.
                if countsDropped { state.number += 1 }
                return .full
            }
            state.frames.append(
                LiveFrame(frame, number: state.number, time: time ?? (now - first) / .seconds(1), arrival: now))
            state.number += 1
            return .taken
        }
        if answer == .taken { arrivals.signal() }
        return answer
    }

    func finish(_ error: PerceptError? = nil) {
        state.withLock { state in
            guard !state.isAtEnd else { return }
            state.isAtEnd = true
            state.error = error
        }
        arrivals.signal()
    }

    func next() throws -> LiveEvent? {
        while true {
            let (frame, isAtEnd, error) = state.withLock { state in
                (state.frames.isEmpty ? nil : state.frames.removeFirst(), state.isAtEnd, state.error)
            }
            if let frame { return .frame(frame) }
            if isAtEnd {
                if let error { throw error }
                return nil
            }
            arrivals.wait()
        }
    }

    func stop() {
        state.withLock { state in
            state.isAtEnd = true
            state.frames = []
        }
        arrivals.signal()
    }
}
