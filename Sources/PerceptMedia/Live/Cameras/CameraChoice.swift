/// What is asked of a camera.
struct CameraChoice: Equatable, CustomStringConvertible {
    let format: CameraPixelFormat
    /// V4L2's four characters for it.
    let code: String
    let width: Int
    let height: Int
    /// Frames a second; nil where the driver does not tell rates and none was asked for.
    let rate: Double?

    var description: String {
        "\(format.rawValue) \(width)x\(height)" + (rate.map { " at \(Self.short($0))" } ?? "")
    }

    /// Sizes and rates that suffice where none is asked for: encoders look at 448 x 448 pixels at most.
    private static let usualSize = (width: 640, height: 480)
    private static let usualRate = 30.0

    /// The best of a camera's modes for what is wanted.
    ///
    /// A size or pixel format that was asked for is kept to; of what is left the size nearest to the usual counts first,
    /// then the rate nearest to the one wanted, then formats that need no decoding. Grey is taken only where there is no
    /// colour.
    ///
    /// - Throws: a fault that lists what the camera has, if nothing fits.
    static func best(_ modes: [Camera.Mode], _ options: LiveOptions) throws(MediaError.Fault) -> CameraChoice {
        let fitting = modes.compactMap { mode -> CameraChoice? in
            guard let format = CameraPixelFormat(code: mode.code), options.pixelFormat.map({ $0 == format }) ?? true
            else { return nil }
            let size = options.size ?? Self.usualSize
            let width = min(max(size.width, mode.width.lowerBound), mode.width.upperBound)
            let height = min(max(size.height, mode.height.lowerBound), mode.height.upperBound)
            guard options.size == nil || (width, height) == size else { return nil }
            return CameraChoice(
                format: format, code: mode.code, width: width, height: height,
                rate: nearest(mode.rates, options.frameRate))
        }
        func cost(_ choice: CameraChoice) -> (Int, Int, Double, Int) {
            let pixels = usualSize.width * usualSize.height
            let wanted = options.frameRate ?? usualRate
            return (
                choice.format.isGrey ? 1 : 0, abs(choice.width * choice.height - pixels),
                abs((choice.rate ?? wanted) - wanted),
                CameraPixelFormat.allCases.firstIndex(of: choice.format) ?? 0
            )
        }
        guard let best = fitting.min(by: { cost($0) < cost($1) }) else {
            let known = modes.filter { CameraPixelFormat(code: $0.code) != nil }.map(Self.describe)
            throw .invalidName(
                known.isEmpty
                    ? "it sends \(modes.map(\.code).joined(separator: ", ")), none of which is taken"
                    : "it does not send what is asked for, but \(known.joined(separator: ", "))")
        }
        return best
    }

    private static func nearest(_ rates: [ClosedRange<Double>], _ asked: Double?) -> Double? {
        let wanted = asked ?? usualRate
        let possible = rates.map { min(max(wanted, $0.lowerBound), $0.upperBound) }
        return possible.min { abs($0 - wanted) < abs($1 - wanted) } ?? asked
    }

    private static func describe(_ mode: Camera.Mode) -> String {
        let format = CameraPixelFormat(code: mode.code)?.rawValue ?? mode.code
        func side(_ range: ClosedRange<Int>) -> String {
            range.lowerBound == range.upperBound ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }
        let rates = mode.rates.map { short($0.upperBound) }.joined(separator: "/")
        return "\(format) \(side(mode.width))x\(side(mode.height))" + (rates.isEmpty ? "" : " at \(rates)")
    }

    private static func short(_ rate: Double) -> String {
        rate == rate.rounded() ? "\(Int(rate))" : "\((rate * 100).rounded() / 100)"
    }
}
