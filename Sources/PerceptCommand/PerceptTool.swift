import ArgumentParser
import PerceptCommandKit

/// `percept`: the command.
@main
struct PerceptTool: Tool {

    static let configuration = CommandConfiguration(
        commandName: "percept",
        abstract: "Runs the Perception Encoder and the Perception Language Model on any Vulkan GPU.",
        discussion: """
            Results go to standard output, everything else to standard error. Exit codes: 0 ok, 64 usage, 65 bad data, \
            66 missing input, 69 no usable device, driver or network, 70 internal, 74 a result cannot be written (full disk), \
            75 not now (out of device memory, hub busy), 77 no permission, 129, 130 and 143 ended by SIGHUP, SIGINT and \
            SIGTERM. A pipe that nobody reads any more ends the command quietly.
            """,
        version: toolVersion,
        subcommands: [
            EmbedCommand.self, ClassifyCommand.self, FeaturesCommand.self, CaptionCommand.self, AskCommand.self,
            ChatCommand.self, WatchCommand.self, BenchCommand.self, ProfileCommand.self, TuneCommand.self,
            PullCommand.self, QuantizeCommand.self,
            ModelsCommand.self, DevicesCommand.self, DoctorCommand.self,
        ])

    static func main() async { await run() }
}
