/// How a profile is taken.
public struct ProfileOptions: Sendable, Hashable {
    /// How commands run while they are timed.
    public var mode = Profile.Mode.serialised
    /// Runs that are timed, at least 1; one more warms up.
    public var runs = 5
    /// Measures the device's roofs anew, rather than taking those that were kept.
    public var measuresRoofs = false

    /// Serialised, five runs, roofs as kept.
    public init() {}

    func check() throws(PerceptError) {
        guard runs > 0 else { throw PerceptError(.usage, "\(runs) runs measure nothing") }
    }
}
