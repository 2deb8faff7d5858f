import ArgumentParser
import PerceptCommandKit

/// `percept-bench`: what measures and checks a device, in one file that needs the Vulkan loader and
/// libstdc++, no other library.
@main
struct PerceptBench: Tool {
    static let configuration = CommandConfiguration(
        commandName: "percept-bench",
        abstract: "Measures and checks Vulkan devices with the kernels and models of Percept.",
        discussion: """
            Exit codes: 0 ok, 64 usage, 65 bad data, 66 missing input, 69 no usable device, 70 wrong results, 74 a result \
            cannot be written.
            """,
        version: toolVersion,
        subcommands: [
            BenchCommand.self, ProfileCommand.self, TuneCommand.self, CheckCommand.self, KernelsCommand.self,
            CompileCommand.self,
            DevicesCommand.self,
            ReportCommand.self,
        ])

    static func main() async { await run() }
}
