// swift-tools-version: 6.2
import PackageDescription

// A program outside of Percept that uses what is public of it; see Tools/test-guest. It needs no hub.

let package = Package(
    name: "PerceptGuest",
    dependencies: [.package(name: "Percept", path: "../..", traits: ["Media"])],
    targets: [
        .executableTarget(
            name: "guest", dependencies: [.product(name: "Percept", package: "Percept")],
            swiftSettings: [.enableUpcomingFeature("MemberImportVisibility")])
    ],
    swiftLanguageModes: [.v6]
)
