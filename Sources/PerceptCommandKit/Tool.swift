package import ArgumentParser
import Foundation
import Percept
import PerceptFiles

/// The version of the commands.
package let toolVersion = "0.1.0"

/// An executable of several commands: how its command line is read, and how it ends.
package protocol Tool: AsyncParsableCommand {}

extension Tool {
    /// The command line with the command in front: global options may also stand before its name.
    private static var arguments: [String] {
        let given = Arguments.given
        let names = Set(configuration.subcommands.compactMap { $0.configuration.commandName })
        guard given.first?.hasPrefix("-") == true, let place = given.firstIndex(where: names.contains) else {
            return given
        }
        return [given[place]] + given[..<place] + given[(place + 1)...]
    }

    /// Parses the command line and runs what it says; every way out has its exit code here.
    package static func run() async -> Never {
        StandardStreams.hold()
        Interruption.watch()
        var command: any ParsableCommand
        // Faults of the command line, `--help` and `--version`: the parser knows what to print, and ends with 64 or 0.
        do { command = try parseAsRoot(arguments) } catch { end(with: error) }
        do {
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let error
            where error is ExitCode || error is CleanExit || error is ValidationError
            // Help, which the parser's own command throws as an error of a type that only it knows.
            || exitCode(for: error).isSuccess
        {
            end(with: error)
        } catch {
            let error = PerceptError(error)
            if let cause = error.cause as? OutputError, cause.isClosedPipe { Console.endQuietly() }
            Console.shared.error(error.message)
            Ending.fault(error.code).end()
        }
        Ending.code(0).end()
    }

    /// What the parser would do: help goes to standard output, faults to standard error.
    private static func end(with error: any Error) -> Never {
        let code = exitCode(for: error)
        // It repeats what was typed, which may hold what is no text, or moves a cursor.
        let text = fullMessage(for: error).split(separator: "\n", omittingEmptySubsequences: false)
            .map { Table.printable(FileName.shown(String($0))) }.joined(separator: "\n")
        if !text.isEmpty {
            if code.isSuccess { Console.shared.result(text) } else { Console.shared.plain(text) }
        }
        Ending.code(code.rawValue).end()
    }
}
