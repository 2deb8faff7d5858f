import Percept
import PerceptCommandKit

/// The live view as lines of a terminal of a given size.
package struct LiveLayout {
    /// A part of the screen, in cells from 0.
    package struct Area: Equatable {
        package var row: Int
        package var column: Int
        package var rows: Int
        package var columns: Int
    }

    /// At most as many lines as the terminal has, each at most as wide.
    package private(set) var lines: [String] = []
    /// Where the picture goes; nil where there is no room, or none is wanted.
    package private(set) var preview: Area?

    private let width: Int
    private let height: Int

    /// From here on the picture stands beside the labels.
    private static let wide = 100
    private static let widestLabel = 48
    private static let widestBar = 40
    private static let noticeTime = Duration.seconds(10)

    /// - Parameter aspect: width over height of the picture, in cells; nil for no picture.
    package init(_ state: LiveState, width: Int, height: Int, now: ContinuousClock.Instant, aspect: Double?) {
        self.width = width
        self.height = height
        head(state)
        let foot = self.foot(state, now: now)
        let room = height - lines.count - foot.count
        let isWide = width >= Self.wide
        if let aspect, room >= 6 {
            // Beside the labels as much as half of the width, above them half of the height.
            let most = (rows: isWide ? room : room / 2, columns: isWide ? width / 2 : width)
            let columns = min(most.columns, Int(Double(most.rows) * aspect))
            let rows = min(most.rows, max(1, Int((Double(columns) / aspect).rounded())))
            if rows >= 3 && columns >= 6 {
                preview = Area(row: lines.count, column: 0, rows: rows, columns: columns)
            }
        }
        let indent = isWide ? preview.map { $0.columns + 2 } ?? 0 : 0
        if let preview, !isWide {
            lines += [String](repeating: "", count: preview.rows)
        }
        let body = self.body(state, indent: indent, rows: height - lines.count - foot.count)
        lines += body
        if let preview, isWide, body.count < preview.rows {
            lines += [String](repeating: "", count: preview.rows - body.count)
        }
        lines += foot
        lines = Array(lines.prefix(height))
    }

    private mutating func head(_ state: LiveState) {
        var line = LiveText(width: width)
        line.append(state.source, .bold)
        line.appendRight("\(Format.fixed(state.time, 1)) s", .faint)
        lines.append(line.text)
        line = LiveText(width: width)
        line.append(state.model, .faint)
        line.append(" on ", .faint)
        line.append(state.device, .faint)
        lines.append(line.text)
    }

    /// Labels as bars, then what the gallery holds, descriptions and scenes.
    private func body(_ state: LiveState, indent: Int, rows: Int) -> [String] {
        guard rows > 0 else { return [] }
        var below: [LiveText] = []
        if let caption = state.caption {
            for text in LiveText.wrapped("“\(caption.text)”", to: width - indent).prefix(3) {
                below.append(text: text, .accent, indent, width)
            }
        }
        for (index, scene) in state.scenes.enumerated() {
            below.append(
                text: "\(Format.fixed(scene.time, 1)) s  \(scene.text)", index == 0 ? .alert : .faint, indent, width)
        }
        for match in state.nearest {
            below.append(text: "\(Format.fixed(Double(match.cosine), 3))  \(match.name)", .plain, indent, width)
        }
        let labels = state.labels.prefix(max(rows - below.count, min(rows, 1)))
        let name = min(
            labels.map { Table.width(LiveText.printable($0.label)) }.max() ?? 0,
            min(Self.widestLabel, (width - indent) / 2))
        let bar = min(Self.widestBar, width - indent - name - 10)
        let bars = labels.enumerated().map { index, entry in
            var line = LiveText(width: width)
            line.pad(to: indent)
            line.append(LiveText.clipped(LiveText.printable(entry.label), to: name), index == 0 ? .bold : .plain)
            line.pad(to: indent + name + 1)
            if bar > 0 { line.append(LiveBar.text(entry.probability, cells: bar), .good) }
            let percent = Format.fixed(100 * Double(entry.probability), 1) + " %"
            line.append(String(repeating: " ", count: max(8 - percent.count, 0)) + percent)
            return line
        }
        return (bars + below).prefix(rows).map(\.text)
    }

    private func foot(_ state: LiveState, now: ContinuousClock.Instant) -> [String] {
        var line = LiveText(width: width)
        let total = state.encoded + state.dropped
        line.append("\(Format.fixed(state.framesPerSecond(now: now), 1)) frames/s", .bold)
        if let median = state.latencies.percentile(0.5), let high = state.latencies.percentile(0.99) {
            let (median, high) = (Format.milliseconds(median), Format.milliseconds(high))
            line.append("  latency \(Format.fixed(median, 1)) ms, 99 % \(Format.fixed(high, 1)) ms")
        }
        let share = total == 0 ? 0 : 100 * Double(state.dropped) / Double(total)
        line.append("  dropped \(state.dropped) (\(Format.fixed(share, 0)) %)")
        line.appendRight("Ctrl-C ends", .faint)
        var note = LiveText(width: width)
        if let notice = state.notice, now - notice.moment < Self.noticeTime {
            note.append(notice.text, .alert)
        } else if state.encoded == 0 {
            note.append("waiting for the first frame", .faint)
        } else {
            return [line.text]
        }
        return [line.text, note.text]
    }
}

extension [LiveText] {
    fileprivate mutating func append(text: String, _ style: LiveText.Style, _ indent: Int, _ width: Int) {
        var line = LiveText(width: width)
        line.pad(to: indent)
        line.append(text, style)
        append(line)
    }
}
