import Foundation
import Percept
import PerceptFrame
import Synchronization

/// A source of pictures made beforehand, which counts for itself what it handed out.
///
/// `@unchecked Sendable` because `next`, which one thread calls, alone changes its numbers.
final class ScriptedSource: LiveSource, @unchecked Sendable {
    /// What comes instead of, or before, a frame.
    enum Step {
        case notice(LiveNotice)
        /// From here on frames are of this picture.
        case picture(Image)
        /// So many numbers are left out, as if the source had lost frames.
        case gap(Int)
        case failure(any Error)
    }

    let description: LiveDescription
    private var picture: DecodedFrame
    private let pictures: [DecodedFrame]
    private let interval: Duration
    private let count: Int
    private let steps: [Int: [Step]]
    private var pending: [Step] = []
    private var made = 0
    private var number = 0
    private var due: ContinuousClock.Instant?
    private let stopped = Atomic<Bool>(false)
    private let handedOut = Atomic<Int>(0)

    /// - Parameters:
    ///   - pictures: taken in turn.
    ///   - count: frames until it ends.
    ///   - interval: between frames; zero for as fast as they are taken.
    ///   - steps: what happens before the frame of an index.
    ///   - states: whether the description says the size of the first picture.
    init(
        _ pictures: [Image], count: Int, interval: Duration = .zero, steps: [Int: [Step]] = [:], states: Bool = true
    ) {
        self.pictures = pictures.map(\.frame)
        picture = pictures[0].frame
        self.count = count
        self.interval = interval
        self.steps = steps
        pending = steps[0] ?? []
        description = LiveDescription(
            name: "scripted", width: states ? pictures[0].width : 0, height: states ? pictures[0].height : 0,
            frameRate: interval == .zero ? nil : 1 / (interval / .seconds(1)), format: "script")
    }

    /// Frames that were handed out.
    var offered: Int { handedOut.load(ordering: .sequentiallyConsistent) }

    func next() throws -> LiveEvent? {
        var replaced: DecodedFrame?
        while !pending.isEmpty {
            switch pending.removeFirst() {
            case .notice(let notice): return .notice(notice)
            case .picture(let image): replaced = image.frame
            case .gap(let numbers): number += numbers
            case .failure(let error): throw error
            }
        }
        if let replaced { picture = replaced } else if pictures.count > 1 { picture = pictures[made % pictures.count] }
        guard made < count, !stopped.load(ordering: .relaxed) else { return nil }
        if interval > .zero {
            let moment = due ?? ContinuousClock.now
            due = moment + interval
            while ContinuousClock.now < moment, !stopped.load(ordering: .relaxed) {
                let left = (moment - ContinuousClock.now) / .microseconds(1)
                usleep(UInt32(min(max(left, 0), 5000)))
            }
        }
        let frame = LiveFrame(
            picture, number: number, time: Double(number) * (interval / .seconds(1)), arrival: .now)
        number += 1
        made += 1
        pending = steps[made] ?? []
        handedOut.add(1, ordering: .sequentiallyConsistent)
        return .frame(frame)
    }

    func stop() { stopped.store(true, ordering: .relaxed) }
}

extension FrameStream {
    /// Everything it delivers, and the error behind the summary.
    func collect() async -> (
        frames: [FrameResult], notices: [SourceNotice], devices: [DeviceNotice], summary: StreamSummary?,
        error: PerceptError?
    ) {
        var (frames, notices): ([FrameResult], [SourceNotice]) = ([], [])
        var devices: [DeviceNotice] = []
        var summary: StreamSummary?
        do {
            for try await event in self {
                switch event {
                case .frame(let frame): frames.append(frame)
                case .notice(let notice): notices.append(notice)
                case .caption: break
                case .device(let notice): devices.append(notice)
                case .summary(let found): summary = found
                }
            }
            return (frames, notices, devices, summary, nil)
        } catch {
            return (frames, notices, devices, summary, PerceptError(error))
        }
    }
}
