/// A Vulkan API version.
package struct Version: Comparable, Hashable, Sendable, CustomStringConvertible {
    package let major: Int
    package let minor: Int
    package let patch: Int

    package init(_ major: Int, _ minor: Int, _ patch: Int = 0) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// Variant in bits 29–31 (dropped), then 7 bits major, 10 bits minor, 12 bits patch.
    init(packed: UInt32) {
        self.init(Int(packed >> 22 & 0x7F), Int(packed >> 12 & 0x3FF), Int(packed & 0xFFF))
    }

    var packed: UInt32 { UInt32(major) << 22 | UInt32(minor) << 12 | UInt32(patch) }

    package var description: String { "\(major).\(minor).\(patch)" }

    package static func < (a: Version, b: Version) -> Bool {
        (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch)
    }
}
