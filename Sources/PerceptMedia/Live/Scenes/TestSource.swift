import CPerceptMedia
package import PerceptFrame

/// A source that needs no file and no device: coloured objects that move, each for a few seconds (`TestScene`).
///
/// It is named `test:`, or with choices `test:?size=640x360&rate=30&frames=54000&layout=nv12&range=full&matrix=bt709`:
/// - `size`: pixels across and down, 640x360 unless given;
/// - `rate`: frames a second, 30 unless given;
/// - `frames`: after so many it ends; endless unless given;
/// - `hold`: seconds for which each object is there, 3 unless given;
/// - `layout`: `yuv420p` (as unless given), `nv12`, `yuyv422` or `rgb24`;
/// - `range`: `limited` (as unless given) or `full`;
/// - `matrix`: `bt601` (as unless given) or `bt709`.
///
/// `@unchecked Sendable` because `next` alone changes it, which one thread at a time calls; `stop` touches the signal,
/// which is `Sendable`.
package final class TestSource: LiveSource, @unchecked Sendable {
    package let description: LiveDescription
    package let scene: TestScene
    private let rate: Double
    private let frames: Int?
    private let painter: ScenePainter
    private let layout: DecodedFrame.Layout
    private let colorMatrix: DecodedFrame.ColorMatrix
    private let fullRange: Bool
    private let signal: StopSignal
    private var pace: Pace?
    private var ring = FrameRing<PlaneBuffer>()
    /// Where each picture of the ring shows its object.
    private var corners: [(x: Int, y: Int)?] = []
    private var number = 0

    init(_ name: String, _ options: LiveOptions) throws(MediaError.Fault) {
        let choices = try TestSourceChoices(name)
        let signal = try StopSignal()
        scene = TestScene(hold: choices.hold)
        rate = choices.rate
        frames = choices.frames
        layout = choices.layout
        colorMatrix = choices.layout == .rgb8 ? .identity : choices.colorMatrix
        fullRange = choices.layout == .rgb8 || choices.fullRange
        painter = ScenePainter(
            width: choices.width, height: choices.height, layout: layout, colorMatrix: colorMatrix,
            fullRange: fullRange)
        self.signal = signal
        pace = options.asFastAsPossible ? nil : Pace(signal)
        description = LiveDescription(
            name: name, width: choices.width, height: choices.height, frameRate: rate, format: choices.layoutName)
    }

    package func next() -> LiveEvent? {
        guard frames.map({ number < $0 }) ?? true else { return nil }
        let time = Double(number) / rate
        guard pace?.wait(until: time) ?? !signal.isStopped else { return nil }
        let arrival = ContinuousClock.now
        let frame = picture(at: time)
        defer { number += 1 }
        return .frame(LiveFrame(frame, number: number, time: time, arrival: arrival))
    }

    package func stop() { signal.stop() }

    private func picture(at time: Double) -> DecodedFrame {
        let slot = ring.vacant(makeBuffer)
        let buffer = ring.storage(slot)
        if slot == corners.count {
            painter.fill(buffer)
            corners.append(nil)
        }
        let corner = painter.corner(scene.centre(at: time))
        if let before = corners[slot] { painter.restore(buffer, before) }
        painter.paint(buffer, item: scene.item(at: time), corner)
        corners[slot] = corner
        if let frame = ring.frame(slot) { return frame }
        let frame = DecodedFrame(
            buffer, width: painter.width, height: painter.height, layout: layout, colorMatrix: colorMatrix,
            fullRange: fullRange, chromaSiting: .center, resampling: .color, orientation: 1)
        ring.setFrame(frame, slot)
        return frame
    }

    private func makeBuffer() -> PlaneBuffer {
        let (width, height) = (painter.width, painter.height)
        let (halfWidth, halfHeight) = ((width + 1) / 2, (height + 1) / 2)
        return switch layout {
        case .yuv420p: PlaneBuffer([(width, height), (halfWidth, halfHeight), (halfWidth, halfHeight)])
        case .nv12: PlaneBuffer([(width, height), (2 * halfWidth, halfHeight)])
        case .yuyv422: PlaneBuffer([(4 * halfWidth, height)])
        default: PlaneBuffer([(3 * width, height)])
        }
    }
}

/// What the name of a test source asks for.
struct TestSourceChoices {
    var width = 640
    var height = 360
    var rate = 30.0
    var frames: Int?
    var hold = 3.0
    var layout = DecodedFrame.Layout.yuv420p
    var layoutName = "yuv420p"
    var fullRange = false
    var colorMatrix = DecodedFrame.ColorMatrix.bt601

    private static let layouts: [String: DecodedFrame.Layout] = [
        "yuv420p": .yuv420p, "nv12": .nv12, "yuyv422": .yuyv422, "rgb24": .rgb8,
    ]

    init(_ name: String) throws(MediaError.Fault) {
        let choices = name.dropFirst("test:".count)
        guard choices.isEmpty || choices.first == "?" else {
            throw .invalidName("a test source is `test:` or `test:?size=640x360&rate=30`")
        }
        for choice in choices.dropFirst().split(separator: "&") {
            let parts = choice.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, set(String(parts[0]), String(parts[1])) else {
                throw .invalidName(
                    "`\(choice)`; a test source takes size=WxH (32 to 8192), rate, frames, hold, layout=yuv420p|nv12|"
                        + "yuyv422|rgb24, range=limited|full and matrix=bt601|bt709")
            }
        }
    }

    /// False where the value makes no sense.
    private mutating func set(_ key: String, _ value: String) -> Bool {
        func positive(_ text: some StringProtocol) -> Double? { Double(text).flatMap { 1e-3...1e6 ~= $0 ? $0 : nil } }
        switch key {
        case "size":
            let sides = value.split(separator: "x", omittingEmptySubsequences: false).compactMap { Int($0) }
            guard sides.count == 2, sides.allSatisfy({ 32...8192 ~= $0 }) else { return false }
            (width, height) = (sides[0], sides[1])
        case "rate":
            guard let value = positive(value) else { return false }
            rate = value
        case "hold":
            guard let value = positive(value) else { return false }
            hold = value
        case "frames":
            guard let value = Int(value), value > 0 else { return false }
            frames = value
        case "layout":
            guard let found = Self.layouts[value] else { return false }
            (layout, layoutName) = (found, value)
        case "range":
            guard ["limited", "full"].contains(value) else { return false }
            fullRange = value == "full"
        case "matrix":
            guard let found = ["bt601": DecodedFrame.ColorMatrix.bt601, "bt709": .bt709][value] else { return false }
            colorMatrix = found
        default: return false
        }
        return true
    }
}
