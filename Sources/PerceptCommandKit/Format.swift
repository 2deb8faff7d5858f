import Foundation

/// Numbers for people.
package enum Format {
    package static func fixed(_ value: Double, _ digits: Int) -> String { String(format: "%.\(digits)f", value) }

    package static func scientific(_ value: Float) -> String { String(format: "%.1e", value) }

    /// With a binary unit.
    package static func bytes(_ count: some BinaryInteger) -> String {
        let mebibytes = Double(count) / 1_048_576
        return mebibytes < 1024 ? "\(fixed(mebibytes, 0)) MiB" : "\(fixed(mebibytes / 1024, 1)) GiB"
    }

    package static func milliseconds(_ duration: Duration) -> Double { duration / .milliseconds(1) }
}
