import Percept

/// A profile with the totals of the other mode beside it: what all outputs are made from.
struct ProfileReport {
    let profile: Profile
    /// Totals of the same stages run concurrently, where both were measured.
    let concurrent: [Duration]?

    var title: String {
        "\(profile.model), \(profile.precision.rawValue), \(profile.device.name), \(profile.device.driver)"
    }

    var total: Duration { profile.stages.reduce(.zero) { $0 + $1.total } }
    var gaps: Duration { profile.stages.reduce(.zero) { $0 + $1.gaps } }
    func hostTime(_ name: String) -> Duration { profile.stages.reduce(.zero) { $0 + $1.hostTime(name) } }

    /// What a reader of the numbers has to know.
    var notes: [String] {
        profile.stages.compactMap { stage in
            guard stage.unresolved > 0 else { return nil }
            return
                "\(stage.name): the driver's timestamps do not resolve \(stage.unresolved) of \(stage.entries.count) "
                + "dispatches, whose times mean little"
        }
    }
}

extension Duration {
    var microseconds: Double { self / .microseconds(1) }
}
