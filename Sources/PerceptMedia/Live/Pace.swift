/// Lets seconds of a source pass at their own rate. Every wait is counted from the first instant: errors do not add up.
struct Pace {
    private var origin: ContinuousClock.Instant?
    private let signal: StopSignal

    init(_ signal: StopSignal) { self.signal = signal }

    /// Waits until `seconds` of the source have passed since its first call; false when stopped meanwhile.
    mutating func wait(until seconds: Double) -> Bool {
        let start = origin ?? ContinuousClock.now - Duration(seconds: seconds)
        origin = start
        return signal.sleep(until: start + Duration(seconds: seconds))
    }
}
