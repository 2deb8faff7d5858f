// swift-tools-version: 6.2
import PackageDescription

// A program outside of Percept that uses what is public of it; see Tools/test-guest.

let package = Package(
    name: "PerceptGuest",
    dependencies: [.package(name: "Percept", path: "../..")],
    targets: [
        .executableTarget(
            name: "guest", dependencies: [.product(name: "Percept", package: "Percept")],
            swiftSettings: [.enableUpcomingFeature("MemberImportVisibility")])
    ],
    swiftLanguageModes: [.v6]
)
