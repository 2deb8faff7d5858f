import Foundation

/// Durations of any number in a fixed amount of memory: percentiles are within 1 % from 10 microseconds to half an hour.
public struct LatencyHistogram: Sendable {
    /// Neighbouring buckets differ by this factor.
    private static let ratio = 1.01
    private static let smallest = 10e-6
    private static let bucketCount = 1920

    private var buckets = [Int](repeating: 0, count: bucketCount)
    /// Durations added.
    public private(set) var count = 0
    /// The longest.
    public private(set) var longest = Duration.zero

    package init() {}

    package mutating func add(_ duration: Duration) {
        let seconds = max(duration / .seconds(1), Self.smallest)
        let place = (log(seconds / Self.smallest) / log(Self.ratio)).rounded()
        buckets[min(Int(place), Self.bucketCount - 1)] += 1
        count += 1
        longest = max(longest, duration)
    }

    /// The duration that a share of all durations does not exceed; zero where there is none.
    ///
    /// - Parameter share: from 0 to 1; 0.5 is the median.
    public func percentile(_ share: Double) -> Duration {
        guard count > 0 else { return .zero }
        let rank = max(Int((share * Double(count)).rounded(.up)), 1)
        var below = 0
        for (place, entries) in buckets.enumerated() {
            below += entries
            if below >= rank { return .seconds(Self.smallest * pow(Self.ratio, Double(place))) }
        }
        return longest
    }
}
