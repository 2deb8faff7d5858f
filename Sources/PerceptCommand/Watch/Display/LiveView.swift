import Foundation
import Percept
import PerceptCommandKit
import Synchronization

/// The live view: draws the newest state some times a second on a thread of its own, so that a slow terminal holds up no
/// frame.
final class LiveView: WatchOutput {
    private struct State {
        var live: LiveState
        /// Shown by the next drawing.
        var picture: (image: Image, overlay: FeatureOverlay?)?
        var isChanged = true
        var isOver = false
    }

    private let state: Mutex<State>
    private let screen: TerminalScreen
    private let preview: PreviewStyle?
    /// The drawing thread has drawn for the last time.
    private let isIdle = DispatchSemaphore(value: 0)

    private static let interval = 0.066
    /// Pictures on the terminal's own protocols take more of its time.
    private static let pictureInterval = Duration.milliseconds(150)

    /// Takes the terminal over.
    init(_ live: LiveState, preview: PreviewStyle?) {
        state = Mutex(State(live: live))
        self.preview = preview
        screen = TerminalScreen()
        Console.shared.redirectNotes { [weak self] text in self?.note(text) }
        let thread = Thread { [self] in
            while draw() { Thread.sleep(forTimeInterval: Self.interval) }
            isIdle.signal()
        }
        thread.name = "percept.view"
        thread.start()
    }

    func show(_ frame: WatchedFrame) {
        let now = ContinuousClock.now
        state.withLock { state in
            state.live.note(frame, now: now)
            state.picture = (frame.result.image, frame.overlay)
            state.isChanged = true
        }
    }

    func show(_ caption: StreamCaption) {
        state.withLock { $0.live.caption = (caption.text, caption.time) }
    }

    func show(_ notice: SourceNotice) { note(notice.text) }

    func show(_ notice: DeviceNotice) { note(notice.text) }

    private func note(_ text: String) { state.withLock { $0.live.notice = (text, .now) } }

    /// Gives the terminal back.
    func finish(_ summary: StreamSummary) {
        close()
        Console.shared.result(summary.text)
    }

    /// Gives the terminal back without a result; more than once does no harm.
    func close() {
        let wasOver = state.withLock { state in
            defer { state.isOver = true }
            return state.isOver
        }
        if !wasOver { isIdle.wait() }
        screen.leave()
        Console.shared.redirectNotes(nil)
    }

    /// - Returns: false when there is nothing more to draw.
    private func draw() -> Bool {
        let (live, picture, isOver) = state.withLock { state in
            defer { state.picture = nil }
            return (state.live, state.picture, state.isOver)
        }
        guard !isOver else { return false }
        let size = screen.size
        let shown = picture ?? lastPicture.withLock { $0 }
        lastPicture.withLock { $0 = shown }
        let aspect = preview == nil ? nil : shown.map { Self.cellAspect($0.image, size.cell) }
        let layout = LiveLayout(
            live, width: size.columns, height: size.rows, now: .now, aspect: aspect)
        var drawing: String?
        if let preview, let area = layout.preview, let shown, isDue(area, isNew: picture != nil) {
            let (width, height) = preview.pixels(of: area, cell: size.cell)
            var thumbnail = Thumbnail(shown.image.frame, width: width, height: height)
            if let overlay = shown.overlay { thumbnail.blend(FeatureOverlay.share, overlay.colour) }
            drawing = preview.draw(thumbnail, in: area)
        }
        screen.draw(layout.lines, size: size, around: layout.preview, picture: drawing)
        return true
    }

    private let lastPicture = Mutex<(image: Image, overlay: FeatureOverlay?)?>(nil)
    private let drawnPicture = Mutex<(area: LiveLayout.Area, moment: ContinuousClock.Instant)?>(nil)

    /// Whether the picture is drawn this time: it is new and its time has come, or it has moved.
    private func isDue(_ area: LiveLayout.Area, isNew: Bool) -> Bool {
        drawnPicture.withLock { drawn in
            let now = ContinuousClock.now
            if let drawn, drawn.area == area {
                guard isNew, preview == .halfBlocks || now - drawn.moment >= Self.pictureInterval else { return false }
            }
            drawn = (area, now)
            return true
        }
    }

    /// Width over height of a picture, counted in cells, which are about twice as high as wide.
    private static func cellAspect(_ image: Image, _ cell: (width: Int, height: Int)?) -> Double {
        let cell = cell.map { Double($0.height) / Double($0.width) } ?? 2
        return Double(image.width) / Double(max(image.height, 1)) * cell
    }
}
