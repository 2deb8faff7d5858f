import ArgumentParser
import Foundation
import Percept

/// `percept`: the command.
@main
struct PerceptTool: AsyncParsableCommand {
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "percept",
        abstract: "Runs the Perception Encoder and the Perception Language Model on any Vulkan GPU.",
        discussion: """
            Results go to standard output, everything else to standard error. Exit codes: 0 ok, 64 usage, 65 bad data, \
            66 missing input, 69 no usable device, driver or network, 70 internal, 75 not now (out of device memory, hub busy), \
            77 no permission, 130 interrupted.
            """,
        version: version,
        subcommands: [
            EmbedCommand.self, ClassifyCommand.self, FeaturesCommand.self, CaptionCommand.self, AskCommand.self,
            ChatCommand.self, BenchCommand.self, ProfileCommand.self, PullCommand.self, QuantizeCommand.self,
            ModelsCommand.self, DevicesCommand.self, DoctorCommand.self,
        ])

    /// The command line with the command in front: global options may also stand before its name.
    private static var arguments: [String] {
        let given = Array(CommandLine.arguments.dropFirst())
        let names = Set(configuration.subcommands.compactMap { $0.configuration.commandName })
        guard given.first?.hasPrefix("-") == true, let place = given.firstIndex(where: names.contains) else {
            return given
        }
        return [given[place]] + given[..<place] + given[(place + 1)...]
    }

    /// Parses the command line and runs what it says; every way out has its exit code here.
    static func main() async {
        Interruption.watch()
        var command: any ParsableCommand
        // Faults of the command line, `--help` and `--version`: the parser knows what to print, and ends with 64 or 0.
        do { command = try parseAsRoot(arguments) } catch { exit(withError: error) }
        do {
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error where error is ExitCode || error is CleanExit || error is ValidationError {
            exit(withError: error)
        } catch {
            let error = PerceptError(error)
            Console.shared.error(error.message)
            Foundation.exit(error.code.rawValue)
        }
    }
}
