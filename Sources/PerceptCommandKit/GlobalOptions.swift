public import ArgumentParser
package import Logging
public import Percept

/// What every command understands.
package struct GlobalOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The Vulkan device: its index, a part of its name, or its UUID (default: PERCEPT_DEVICE, else the best).",
            valueName: "device"))
    package var device: String?

    @Option(
        name: .customLong("precision"),
        help: "How weights and activations are stored on the device: f32, f16 or bf16 (default: f16).")
    package var chosenPrecision: Precision?

    package var precision: Precision { chosenPrecision ?? .f16 }

    @Flag(help: "Print JSON.")
    package var json = false

    @Flag(help: "Write nothing but errors to standard error.")
    package var quiet = false

    @Flag(name: .shortAndLong, help: "Say more on standard error.")
    package var verbose = false

    package init() {}

    package func validate() throws {
        if quiet && verbose { throw ValidationError("--quiet and --verbose exclude each other.") }
        Console.shared.setVerbosity(quiet ? .quiet : verbose ? .verbose : .normal)
    }

    /// What a command has no use for is refused rather than passed over.
    package func refuseComputing(device: Bool = true, for command: String) throws {
        if device, self.device != nil { throw ValidationError("--device is of no use to \(command).") }
        if chosenPrecision != nil { throw ValidationError("--precision is of no use to \(command).") }
    }

    /// Where the library's messages go: to standard error, in the format of logs.
    package var logger: Logger {
        Logger(label: "percept") { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = quiet ? .error : verbose ? .debug : .warning
            return handler
        }
    }

    /// Opens the device asked for, or the best; a CPU is never used without saying so.
    package func openGPU() throws -> GPU {
        let gpu = try GPU.named(device, logger: logger)
        let description = gpu.description
        if description.isCPU {
            let reason = device == nil ? "; `percept doctor` tells about GPUs" : ""
            Console.shared.note("computing on the CPU: \(description.name)\(reason)")
        } else {
            Console.shared.detail("computing on \(description.name)")
        }
        Console.shared.detail("driver \(description.driver), Vulkan \(description.apiVersion)")
        return gpu
    }
}

extension Precision: ExpressibleByArgument {}

extension LanguageWeights: ExpressibleByArgument {}

extension LanguageCache: ExpressibleByArgument {}

extension Preprocessing: ExpressibleByArgument {
    public init?(argument: String) {
        switch argument {
        case "official": self = .official
        case "checkpoint": self = .checkpoint
        default: return nil
        }
    }

    public static var allValueStrings: [String] { ["official", "checkpoint"] }
    public var defaultValueDescription: String { self == .official ? "official" : "checkpoint" }
}
