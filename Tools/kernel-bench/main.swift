import Foundation
import PerceptGraph
import PerceptRuntime
import PerceptVulkan

/// Times kernels and whole towers on the device at hand, with random weights, each checked against the CPU.
///
///     kernel-bench [runs=N] [style=cpu|gpu] [matrix=on|off] CASE...
///
/// A case is `product:576x3072x768:f16`, `gelu:...` (with bias and GELU), `naive:...` (the baseline), `attention:12x512x64:f32`, `norm:577x768:f32` or
/// `tower:PE-Core-B16-224:f32`; `q8` and `q4` are weights of products, beside activations in f16. The cases' runs take turns, so that what else the machine does meets all of them.
/// Matrix units are used as the device's trial says, unless `matrix` does; `on` takes kernels without a proof, too.
/// `PERCEPT_DEVICE` chooses the device, `PERCEPT_SHADER_DIR` a folder of modules to try.
struct Arguments {
    enum Failure: Error, CustomStringConvertible {
        case notACase(String)

        var description: String {
            switch self {
            case .notACase(let text): "\(text) is not a case like product:576x3072x768:f32"
            }
        }
    }
    var runs = 9
    var style: DeviceProfile.Style?
    var usesMatrixUnits: Bool?
    var cases: [Case] = []

    init(_ arguments: some Sequence<String>) throws(Failure) {
        for argument in arguments {
            if argument.hasPrefix("runs="), let count = Int(argument.dropFirst(5)), count > 0 {
                runs = count
            } else if argument == "style=cpu" {
                style = .cpu
            } else if argument == "style=gpu" {
                style = .gpu
            } else if ["matrix=on", "matrix=off"].contains(argument) {
                usesMatrixUnits = argument == "matrix=on"
            } else if let measured = Case(argument) {
                cases.append(measured)
            } else {
                throw .notACase(argument)
            }
        }
    }
}

do {
    let arguments = try Arguments(CommandLine.arguments.dropFirst())
    let instance = try Instance { _ in }
    let physical = try DeviceSelection.choose(
        from: instance.physicalDevices(), request: ProcessInfo.processInfo.environment["PERCEPT_DEVICE"])
    let gpu = try GPU.open(try Device(instance, physical), cacheDirectory: nil)
    print("\(physical.name), \(physical.driverName) \(physical.driverInfo), subgroups of \(gpu.profile.subgroupSize)")
    var profile = gpu.profile
    if let style = arguments.style { profile.style = style }
    if let uses = arguments.usesMatrixUnits {
        profile.matrixUnits = nil
        if uses, let units = MatrixUnits(physical, unproven: true) { profile = profile.using(units) }
    }
    var measurements: [Measurement] = []
    for measured in arguments.cases {
        measurements.append(try Measurement(measured, on: profile, gpu))
    }
    for _ in 0..<arguments.runs {
        for index in measurements.indices { try measurements[index].run() }
    }
    for measurement in measurements {
        print(measurement.line)
        for line in measurement.stepLines { print(line) }
    }
} catch {
    FileHandle.standardError.write(Data("kernel-bench: \(error)\n".utf8))
    exit(1)
}
