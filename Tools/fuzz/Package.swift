// swift-tools-version: 6.2
import PackageDescription

// The parts of Percept that read files, once more, with every branch counted and every access to memory checked; see
// `run`. `Percept` is a link to the sources.

let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // Frames in what is reported; and some of what is fuzzed is internal to its module.
    .unsafeFlags(["-g", "-sanitize=fuzzer,address", "-enable-testing"]),
]
let c: [CSetting] = [.unsafeFlags(["-g", "-fsanitize=fuzzer-no-link,address"])]

func sources(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, path: "Percept/\(name)", swiftSettings: settings)
}

let package = Package(
    name: "PerceptFuzzing",
    targets: [
        sources("PerceptShaders"),
        sources("PerceptNumbers"),
        sources("PerceptGraph", ["PerceptShaders", "PerceptNumbers"]),
        sources("PerceptJSON"),
        sources("PerceptFiles"),
        sources("PerceptCheckpoint", ["PerceptNumbers", "PerceptJSON", "PerceptFiles"]),
        .systemLibrary(name: "CPerceptCrypto", path: "Percept/CPerceptCrypto"),
        .systemLibrary(name: "CPerceptCurl", path: "Percept/CPerceptCurl"),
        sources("PerceptHubCache", ["PerceptFiles"]),
        sources("PerceptHub", ["PerceptHubCache", "PerceptJSON", "PerceptFiles", "CPerceptCrypto", "CPerceptCurl"]),
        .target(
            name: "CPerceptMedia", path: "Percept/CPerceptMedia", cSettings: c,
            linkerSettings: ["avformat", "avcodec", "avutil", "swscale"].map { .linkedLibrary($0) }),
        sources("PerceptFrame"),
        sources("PerceptMedia", ["CPerceptMedia", "PerceptFrame", "PerceptFiles"]),
        .target(
            name: "CPerceptData", path: "Percept/CPerceptData", exclude: ["Data", "demo", "captioner", "profile"],
            cSettings: c),
        sources("PerceptTokenizer", ["PerceptJSON", "PerceptFiles", "CPerceptData"]),
        sources(
            "PerceptModels", ["PerceptGraph", "PerceptNumbers", "PerceptCheckpoint", "PerceptJSON", "PerceptFiles"]),
        .target(
            name: "FuzzTargets",
            dependencies: [
                "PerceptJSON", "PerceptCheckpoint", "PerceptGraph", "PerceptNumbers", "PerceptMedia", "PerceptFrame",
                "PerceptTokenizer", "PerceptModels", "PerceptHub", "PerceptHubCache", "PerceptFiles",
            ], path: "Targets", swiftSettings: settings),
        .executableTarget(
            name: "fuzzer", dependencies: ["FuzzTargets"], path: "Fuzzer",
            swiftSettings: settings + [.unsafeFlags(["-parse-as-library"])],
            linkerSettings: [.unsafeFlags(["-sanitize=fuzzer,address"])]),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu2x
)
