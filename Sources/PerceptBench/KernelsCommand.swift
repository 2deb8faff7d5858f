import ArgumentParser
import Foundation
import PerceptCommandKit
import PerceptGraph
import PerceptRuntime

/// Times kernels and whole towers with random weights, each checked against the CPU.
struct KernelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels", abstract: "Times single kernels, or a tower step by step.",
        discussion: """
            A case is product:576x3072x768:f16 (rows, columns, depth), gelu:... (with bias and GELU), naive:... (the \
            baseline), draw:1x128256x2048:f16 (a decoder's output and the token drawn from it) or sample:..., in two dispatches, attention:12x512x64:f32 (heads, tokens, head size), norm:577x768:f32 or \
            tower:PE-Core-B16-224:f32 or fused:..., with norms in the products before them; q8 and q4 are weights of products, beside activations in f16. The cases' runs take \
            turns, so that what else the machine does meets all of them. PERCEPT_SHADER_DIR names a folder of modules to try.
            """)

    @OptionGroup var device: DeviceOption

    @Option(help: ArgumentHelp("How often each is run.", valueName: "count"))
    var runs = 9

    @Option(
        help: "Whose kernels: cpu, gpu, or matrix, which takes those without a proof, too (default: the device's own).")
    var style: KernelStyle?

    @Argument(help: ArgumentHelp("What is measured.", valueName: "case"))
    var cases: [KernelCase]

    func validate() throws {
        if runs < 1 { throw ValidationError("--runs is at least 1.") }
    }

    func run() throws {
        let gpu = try device.open()
        Console.shared.result("\(gpu.name), \(gpu.driver), subgroups of \(gpu.profile.subgroupSize)")
        guard let profile = style.map({ $0.profile(on: gpu) }) ?? gpu.profile else {
            throw ValidationError("\(gpu.name) has no matrix units.")
        }
        var measurements = try cases.map { try KernelMeasurement($0, on: profile, gpu) }
        for _ in 0..<runs {
            for index in measurements.indices { try measurements[index].run() }
        }
        for measurement in measurements {
            Console.shared.result(([measurement.line] + measurement.stepLines).joined(separator: "\n"))
        }
    }
}

/// The device that kernels run on, without a model.
struct DeviceOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "The Vulkan device: its index, a part of its name, or its UUID (default: PERCEPT_DEVICE, else the best).",
            valueName: "device"))
    var device: String?

    func open() throws -> OpenDevice { try open(isTried: true) }

    /// The same with nothing run on it: its matrix units are not tried.
    func openUntried() throws -> OpenDevice { try open(isTried: false) }

    private func open(isTried: Bool) throws -> OpenDevice {
        try OpenDevice.open(device ?? ProcessInfo.processInfo.environment["PERCEPT_DEVICE"], isTried: isTried)
    }
}

extension KernelCase: ExpressibleByArgument {
    init?(argument: String) { self.init(argument) }
}

/// Whose kernels are chosen.
enum KernelStyle: String, ExpressibleByArgument, CaseIterable {
    case cpu, gpu, matrix

    /// What selection is told; nil for matrix units that the device does not have.
    func profile(on gpu: OpenDevice) -> DeviceProfile? {
        var profile = gpu.profile
        profile.matrixUnits = nil
        switch self {
        case .cpu: profile = profile.inStyle(.cpu)
        case .gpu: profile = profile.inStyle(.gpu)
        case .matrix:
            guard let units = gpu.matrixUnits(parked: true) else { return nil }
            profile = profile.using(units)
        }
        return profile
    }
}
