// swift-tools-version: 6.2
import Foundation
import PackageDescription

/// Settings of every Swift target: a declaration that leaks a C type of the Vulkan room does not compile. CI makes
/// warnings errors, which nobody else's newer compiler should.
let settings: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ] + (Context.environment["PERCEPT_WARNINGS"] == "errors" ? [.treatAllWarnings(as: .error)] : [])

/// The static libshaderc and the archives it calls, as far as they exist here.
///
/// Debian 12's libshaderc.so is linked without the glslang code it calls and crashes in that of libglslang.a; the
/// static archives fit each other. Later releases have fewer of them.
let shadercLibraries =
    [
        "shaderc_combined", "SPIRV", "glslang", "MachineIndependent", "GenericCodeGen", "OSDependent", "OGLCompiler",
        "HLSL", "SPIRV-Tools-opt", "SPIRV-Tools",
    ].filter { name in
        ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib", "/usr/local/lib"].contains {
            FileManager.default.fileExists(atPath: "\($0)/lib\(name).a")
        }
    } + ["stdc++", "m"]

/// The plugin that builds the documentation is fetched by `Tools/docs` alone.
let documentation: [Package.Dependency] =
    Context.environment["PERCEPT_DOCS"] == "1"
    ? [.package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.5.0")] : []

let package = Package(
    name: "Percept",
    products: [
        .library(name: "Percept", targets: ["Percept"]),
        .executable(name: "percept", targets: ["PerceptCommand"]),
        .executable(name: "percept-bench", targets: ["PerceptBench"]),
    ],
    // Without either of them the library needs a Vulkan loader and libstdc++ alone, and `percept-bench` runs where it is copied
    // to. `percept`, the command, needs Media. Media brings the hub with it, so that a usual build has one trait: SwiftPM hands
    // several to the compiler in an order that changes from run to run, and with it everything would be compiled anew.
    traits: [
        .trait(name: "Media", description: "Files of images and videos through FFmpeg, and what Hub has"),
        .trait(name: "Hub", description: "Models from the Hugging Face hub, through libcurl and OpenSSL"),
        .default(enabledTraits: ["Media"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
    ] + documentation,
    targets: [
        // Formats of numbers: what files, graphs and devices share.
        .target(name: "PerceptNumbers", swiftSettings: settings),

        // The table of kernels. Apart from what is compiled from it: the compiler that runs when the package is built reads
        // the table, and what it writes is a target's source.
        .target(name: "PerceptShaders", swiftSettings: settings),
        .systemLibrary(
            name: "CShaderc", path: "Tools/CShaderc", providers: [.apt(["libshaderc-dev"])]),
        .executableTarget(
            name: "shaderpack", dependencies: ["PerceptShaders", "CShaderc"], path: "Tools/shaderpack",
            swiftSettings: settings,
            linkerSettings: shadercLibraries.map { .linkedLibrary($0) }),
        .plugin(
            name: "ShaderPackPlugin", capability: .buildTool(), dependencies: ["shaderpack"],
            path: "Tools/ShaderPackPlugin"),
        // The modules, compiled when the package is built.
        .target(
            name: "PerceptSPIRV", dependencies: ["PerceptShaders"], swiftSettings: settings,
            plugins: ["ShaderPackPlugin"]),

        // Graphs and plans: values, no device.
        .target(name: "PerceptGraph", dependencies: ["PerceptShaders", "PerceptNumbers"], swiftSettings: settings),

        // The Vulkan room.
        .target(name: "CPerceptVulkan", linkerSettings: [.linkedLibrary("dl")]),
        .target(name: "PerceptVulkan", dependencies: ["CPerceptVulkan", "PerceptFiles"], swiftSettings: settings),

        // Files: reading and writing without loss, and what errors have in common. JSON is read by checkpoints, tokenizers and
        // the hub, and written by the commands. The hub's cache is apart from the hub, since models are found in it where
        // nothing is fetched; a decoded frame is apart from media, since pixels come from elsewhere too. With the traits off,
        // neither FFmpeg nor curl is linked.
        .target(name: "PerceptFiles", swiftSettings: settings),
        .target(name: "PerceptJSON", swiftSettings: settings),
        .target(
            name: "PerceptCheckpoint", dependencies: ["PerceptNumbers", "PerceptJSON", "PerceptFiles"],
            swiftSettings: settings),
        .systemLibrary(name: "CPerceptCrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CPerceptCurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .target(name: "PerceptHubCache", dependencies: ["PerceptFiles"], swiftSettings: settings),
        .target(
            name: "PerceptHub",
            dependencies: ["PerceptHubCache", "PerceptJSON", "PerceptFiles", "CPerceptCrypto", "CPerceptCurl"],
            swiftSettings: settings),
        .target(
            name: "CPerceptMedia",
            linkerSettings: ["avformat", "avcodec", "avutil", "swscale"].map { .linkedLibrary($0) }),
        .target(name: "PerceptFrame", swiftSettings: settings),
        .target(
            name: "PerceptMedia", dependencies: ["CPerceptMedia", "PerceptFrame", "PerceptFiles"],
            swiftSettings: settings),
        // Bytes in the binary, by a C compiler's #embed: Swift has nothing like it.
        .target(name: "CPerceptData", exclude: ["Data", "demo", "captioner", "profile"]),
        .target(
            name: "PerceptTokenizer", dependencies: ["PerceptJSON", "PerceptFiles", "CPerceptData"],
            swiftSettings: settings),

        // What is computed, as recordings without a device.
        .target(
            name: "PerceptModels",
            dependencies: ["PerceptGraph", "PerceptNumbers", "PerceptCheckpoint", "PerceptJSON", "PerceptFiles"],
            swiftSettings: settings),
        // How recordings run on a device: weights, programs, pipelines, measurements.
        .target(
            name: "PerceptRuntime",
            dependencies: [
                "PerceptGraph", "PerceptNumbers", "PerceptShaders", "PerceptSPIRV", "PerceptVulkan", "PerceptFiles",
            ],
            swiftSettings: settings),

        // What models have on a device: weights, states, programs; how they are opened and fed.
        .target(
            name: "PerceptEngine",
            dependencies: [
                "PerceptModels", "PerceptRuntime", "PerceptCheckpoint", "PerceptJSON", "PerceptFiles", "PerceptFrame",
                "PerceptTokenizer", "PerceptHubCache", "PerceptGraph", "PerceptNumbers", "PerceptShaders",
                "PerceptVulkan", "CPerceptData", .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),

        // The library and the command.
        .target(
            name: "Percept",
            dependencies: [
                "PerceptEngine", "PerceptModels", "PerceptRuntime", "PerceptCheckpoint", "PerceptJSON", "PerceptFiles",
                "PerceptFrame", "PerceptTokenizer", "PerceptHubCache", "PerceptGraph", "PerceptNumbers",
                "PerceptShaders", "PerceptVulkan",
                .target(name: "PerceptMedia", condition: .when(traits: ["Media"])),
                .target(name: "PerceptHub", condition: .when(traits: ["Media", "Hub"])),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        // What the two commands share: console, options, and the commands that measure. Without media, as the workbench is.
        .target(
            name: "PerceptCommandKit",
            dependencies: [
                "Percept", "PerceptEngine", "PerceptJSON", "PerceptFiles", "CPerceptData",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "PerceptCommand",
            dependencies: [
                "Percept", "PerceptEngine", "PerceptCommandKit", "PerceptJSON", "PerceptFrame", "PerceptFiles",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),
        .executableTarget(
            name: "PerceptBench",
            dependencies: [
                "PerceptEngine", "PerceptCommandKit", "PerceptJSON", "PerceptModels", "PerceptRuntime", "PerceptGraph",
                "PerceptNumbers", "PerceptShaders",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: settings),

        // Percept's side of the comparison with other engines.
        .executableTarget(
            name: "percept-worker", dependencies: ["Percept", "PerceptCheckpoint"], path: "Tools/peers/percept-worker",
            swiftSettings: settings),

        // Percept's side of the comparison with other readers of the same files.
        .executableTarget(
            name: "corpus-probe",
            dependencies: [
                "PerceptMedia", "PerceptFrame", "PerceptCheckpoint", "PerceptModels", "PerceptGraph", "PerceptJSON",
                "PerceptHub",
            ],
            path: "Tools/corpus/probe", swiftSettings: settings),

        // The inputs of Tools/fuzz, and how they are run without a fuzzer; Tools/fuzz/Package.swift has them with one.
        .target(
            name: "FuzzTargets",
            dependencies: [
                "PerceptMedia", "PerceptFrame", "PerceptCheckpoint", "PerceptModels", "PerceptGraph", "PerceptNumbers",
                "PerceptJSON", "PerceptTokenizer", "PerceptHub", "PerceptHubCache", "PerceptFiles",
            ],
            path: "Tools/fuzz/Targets", swiftSettings: settings),
        .executableTarget(
            name: "fuzz-replay", dependencies: ["FuzzTargets"], path: "Tools/fuzz/Replay", swiftSettings: settings),

        // Tests.
        .target(
            name: "TestSupport",
            dependencies: [
                "PerceptRuntime", "PerceptVulkan", "PerceptGraph", "PerceptNumbers", "PerceptShaders",
                "PerceptCheckpoint",
                "PerceptFiles", "CPerceptMedia",
            ],
            path: "Tests/TestSupport", swiftSettings: settings),
        .testTarget(name: "NumbersTests", dependencies: ["PerceptNumbers", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "VulkanTests", dependencies: ["PerceptVulkan", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "ShaderTests", dependencies: ["PerceptShaders", "PerceptSPIRV"], swiftSettings: settings),
        .testTarget(
            name: "GraphTests",
            dependencies: ["PerceptGraph", "PerceptNumbers", "PerceptShaders", "PerceptModels", "TestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "KernelTests",
            dependencies: [
                "PerceptRuntime", "PerceptShaders", "PerceptGraph", "PerceptNumbers", "PerceptModels", "PerceptVulkan",
                "TestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "CheckpointTests",
            dependencies: ["PerceptCheckpoint", "PerceptJSON", "PerceptFiles", "PerceptNumbers", "TestSupport"],
            exclude: ["Fixtures"],
            swiftSettings: settings),
        .testTarget(
            name: "HubTests",
            dependencies: ["PerceptHub", "PerceptHubCache", "PerceptCommand", "PerceptModels", "TestSupport"],
            swiftSettings: settings),
        .executableTarget(
            name: "live-probe", dependencies: ["PerceptMedia", "PerceptFrame"], path: "Tests/LiveProbe",
            swiftSettings: settings),
        .testTarget(
            name: "MediaTests",
            dependencies: ["PerceptMedia", "PerceptFrame", "CPerceptMedia", "TestSupport", "live-probe"],
            swiftSettings: settings),
        .testTarget(
            name: "FuzzTests", dependencies: ["FuzzTargets", "TestSupport", "fuzz-replay"], swiftSettings: settings),
        .testTarget(
            name: "TokenizerTests", dependencies: ["PerceptTokenizer"], exclude: ["Fixtures"], swiftSettings: settings),
        .testTarget(
            name: "ModelTests",
            dependencies: [
                "Percept", "PerceptEngine", "PerceptModels", "PerceptGraph", "PerceptJSON", "PerceptCheckpoint",
                "PerceptNumbers", "PerceptRuntime", "PerceptVulkan", "TestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "CommandTests",
            dependencies: [
                "PerceptCommand", "PerceptCommandKit", "PerceptCheckpoint", "PerceptNumbers", "PerceptFiles",
                "PerceptFrame", "TestSupport",
            ],
            swiftSettings: settings),
        .testTarget(
            name: "PerceptTests",
            dependencies: [
                "Percept", "PerceptEngine", "PerceptCheckpoint", "PerceptJSON", "PerceptMedia", "PerceptFrame",
                "CPerceptMedia", "PerceptGraph", "PerceptNumbers", "PerceptModels", "PerceptRuntime", "PerceptVulkan",
                "TestSupport",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6],
    cLanguageStandard: .gnu2x
)
