import Foundation
import Percept
import PerceptCommandKit
import Synchronization

/// Writes the video with labels drawn in, on a thread of its own: what it has no time for is left out, and counted.
final class AnnotatedVideo: WatchOutput {
    private struct State {
        var waiting: [WatchedFrame] = []
        var caption: StreamCaption?
        var scene: (text: String, time: Double)?
        var isOver = false
        var isAbandoned = false
        var leftOut = 0
        var written = 0
        var hasToldOfBoxes = false
        var failure: (any Error)?
    }

    /// Frames that may wait for the encoder.
    private static let capacity = 4

    private let path: String
    private let waits: Bool
    private let state = Mutex(State())
    private let arrivals = DispatchSemaphore(value: 0)
    private let room = DispatchSemaphore(value: 0)
    private let isDone = DispatchSemaphore(value: 0)

    /// - Parameters:
    ///   - waits: whether frames wait for the encoder instead of being left out: where the source waits too.
    ///   - labels: what may be drawn; of letters that cannot be, a note tells at once.
    init(_ path: String, waits: Bool, labels: [String]) throws {
        self.path = path
        self.waits = waits
        tellOfBoxes(labels.joined())
        for _ in 0..<Self.capacity { room.signal() }
        let thread = Thread { [self] in
            encode()
            isDone.signal()
        }
        thread.name = "percept.video"
        thread.start()
    }

    func show(_ frame: WatchedFrame) throws {
        if waits {
            room.wait()
        } else if room.wait(timeout: .now()) == .timedOut {
            return state.withLock { $0.leftOut += 1 }
        }
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            state.waiting.append(frame)
        }
        arrivals.signal()
    }

    func show(_ caption: StreamCaption) {
        tellOfBoxes(caption.text)
        state.withLock { $0.caption = caption }
    }

    /// Says, once, that boxes stand for characters of a text, and for which.
    private func tellOfBoxes(_ text: String) {
        let characters = AnnotatedVideoWriter.undrawn(in: text)
        guard !characters.isEmpty else { return }
        let isFirst = state.withLock { state in
            defer { state.hasToldOfBoxes = true }
            return !state.hasToldOfBoxes
        }
        guard isFirst else { return }
        Console.shared.note("\(path): a video is written with Latin letters; boxes stand for “\(characters)”")
    }

    func finish(_ summary: StreamSummary) throws {
        state.withLock { $0.isOver = true }
        arrivals.signal()
        isDone.wait()
        let (written, leftOut) = try state.withLock { state in
            if let failure = state.failure { throw failure }
            return (state.written, state.leftOut)
        }
        if leftOut > 0 {
            Console.shared.note("\(path) has \(written) frames; for \(leftOut) more there was no time")
        } else {
            Console.shared.detail("wrote \(path), \(written) frames")
        }
    }

    func abandon() {
        let wasOver = state.withLock { state in
            defer { (state.isOver, state.isAbandoned) = (true, true) }
            return state.isOver
        }
        guard !wasOver else { return }
        arrivals.signal()
        // The unfinished file goes with the thread.
        isDone.wait()
    }

    private func encode() {
        do {
            let writer = try AnnotatedVideoWriter(path: path)
            tellOfRecording(keptAside: writer.keptAside)
            var scene: (text: String, time: Double)?
            while true {
                arrivals.wait()
                let (frame, caption, isOver) = state.withLock { state in
                    (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.caption, state.isOver)
                }
                guard let frame else {
                    if isOver { break }
                    continue
                }
                if let change = frame.change { scene = (change.text, frame.result.time) }
                try writer.write(
                    frame.result.image, at: frame.result.time, FrameAnnotation(frame, caption: caption, scene: scene))
                state.withLock { $0.written += 1 }
                room.signal()
            }
            let isWanted = state.withLock { $0.written > 0 && !$0.isAbandoned }
            if isWanted { try Interruption.uninterrupted { try writer.finish() } }
        } catch {
            state.withLock { $0.failure = PerceptError(error) }
            // Nobody shall wait for a writer that has gone.
            for _ in 0..<Self.capacity + 1 { room.signal() }
        }
    }
}

extension FrameAnnotation {
    private static let shownLabels = 3
    /// Seconds for which a new scene is named.
    private static let sceneTime = 2.0

    /// What is drawn over one frame.
    fileprivate init(_ frame: WatchedFrame, caption: StreamCaption?, scene: (text: String, time: Double)?) {
        self.init()
        var below: [String] = []
        if let scene, frame.result.time - scene.time < Self.sceneTime { below.append(scene.text) }
        if let caption { below.append(caption.text) }
        lines = { columns in below.flatMap { LiveText.wrapped($0, to: columns) } }
        labels = frame.labels.prefix(Self.shownLabels).map { entry in
            ("\(Format.fixed(100 * Double(entry.probability), 0)) %  \(entry.label)", entry.probability)
        }
        colours = frame.overlay.map { (FeatureOverlay.share, $0.colour) }
    }
}
