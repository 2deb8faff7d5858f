import ArgumentParser
import Foundation
import PerceptCommandKit
import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptShaders

/// Compiles what models run, and says what the driver's compiler made of it. Nothing runs on the device.
struct CompileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compile", abstract: "Compiles a model's kernels, and shows their registers, spills and size.",
        discussion: """
            Nothing runs and no weights are read, so that a compiler can be asked about a GPU that is not there. What is shown \
            is the driver's, through VK_KHR_pipeline_executable_properties; where it has none, kernels are only compiled. \
            Exits with 70 if one cannot be, or spills too much.
            """)

    @OptionGroup var device: DeviceOption

    @Option(help: "How activations and weights are stored: f32, f16, bf16, or weights in q8 or q4 beside f16.")
    var type: WeightType = .plain(.f16)

    @Option(help: "Images of one run.")
    var batch = 1

    @Option(
        help: """
            Whose kernels: cpu, gpu, or matrix, which takes those without a proof, too (default: the device's own, on matrix \
            units where it has them).
            """)
    var style: KernelStyle?

    @Flag(help: "Also those that tuning would try.")
    var candidates = false

    @Option(
        help: ArgumentHelp(
            "What a kernel may spill, but for those to be tried (default: anything).", valueName: "values"))
    var mostSpills: Int?

    @Option(help: ArgumentHelp("Writes the compiler's stages of each kernel into this folder.", valueName: "folder"))
    var code: String?

    @Flag(help: "Print JSON, with all that the driver says.")
    var json = false

    @Argument(help: ArgumentHelp("Names of models.", valueName: "model"))
    var models: [String]

    func validate() throws {
        if batch < 1 { throw ValidationError("--batch is at least 1.") }
    }

    func run() throws {
        let gpu = try device.openUntried()
        let usual = gpu.matrixUnits().map { gpu.profile.using($0) } ?? gpu.profile
        guard let profile = style.map({ $0.profile(on: gpu) }) ?? usual else {
            throw ValidationError("\(gpu.name) has no matrix units.")
        }
        var graphs: [Graph] = []
        for name in models {
            guard let found = ModelGraphs.all(name, weightType: type, batch: batch) else {
                throw ValidationError("There is no published model '\(name)'.")
            }
            graphs += found
        }
        if let code { try FileManager.default.createDirectory(atPath: code, withIntermediateDirectories: true) }
        var compiled: [CompiledKernel] = []
        for use in try KernelUse.all(in: graphs, on: profile, withCandidates: candidates) {
            compiled.append(CompiledKernel(use, on: gpu, codeFolder: code.map { URL(filePath: $0) }))
        }
        let report = CompileReport(device: gpu, compiled: compiled)
        Console.shared.result(json ? report.json.text : report.text)
        let spilling = compiled.filter { !$0.isCandidate && $0.code?.spills ?? 0 > mostSpills ?? .max }
        for kernel in spilling { Console.shared.error("\(kernel.name) of \(kernel.label) spills too much") }
        if !spilling.isEmpty || compiled.contains(where: { $0.failure != nil }) { throw ExitCode(70) }
    }
}

/// A kernel as a plan has it, specialised.
private struct KernelUse {
    private struct Key: Hashable {
        let kernel: Kernel
        let constants: [UInt32]
        let subgroupSize: Int?
    }

    let dispatch: Dispatch
    /// Of the first step that has it, without the block's number.
    let label: String
    /// Whether only a measurement would choose it.
    let isCandidate: Bool

    static func all(in graphs: [Graph], on profile: DeviceProfile, withCandidates: Bool) throws -> [KernelUse] {
        var seen: Set<Key> = []
        var uses: [KernelUse] = []
        func add(_ graph: Graph, _ profile: DeviceProfile, isCandidate: Bool) throws {
            for step in try Plan(graph, for: profile).steps {
                let dispatch = step.dispatch
                let key = Key(
                    kernel: dispatch.kernel, constants: dispatch.constants, subgroupSize: dispatch.subgroupSize)
                guard seen.insert(key).inserted else { continue }
                let label = step.label.split(separator: ".").filter { Int($0) == nil }.joined(separator: ".")
                uses.append(KernelUse(dispatch: dispatch, label: label, isCandidate: isCandidate))
            }
        }
        for graph in graphs { try add(graph, profile, isCandidate: false) }
        guard withCandidates else { return uses }
        for graph in graphs {
            for use in TunableUse.all(in: [graph], on: profile) {
                for candidate in use.shape.candidates(for: profile) {
                    try add(graph, profile.choosing(candidate, for: use.shape), isCandidate: true)
                }
            }
        }
        return uses
    }
}

/// What a driver's compiler made of a kernel.
struct CompiledKernel {
    let kernel: Kernel
    let label: String
    let isCandidate: Bool
    let constants: [(name: String, value: Int)]
    let threads: Int?
    let subgroupSize: Int?
    /// Nil where it cannot be compiled.
    private(set) var code: CompiledCode?
    private(set) var failure: String?

    fileprivate init(_ use: KernelUse, on gpu: OpenDevice, codeFolder: URL?) {
        let dispatch = use.dispatch
        kernel = dispatch.kernel
        label = use.label
        isCandidate = use.isCandidate
        constants = zip(kernel.constants, dispatch.constants).map { ($0, Int($1)) }
        threads = constants.first { $0.name == "LANES" }?.value
        subgroupSize = dispatch.subgroupSize
        do {
            let code = try gpu.code(of: dispatch, withStages: codeFolder != nil)
            self.code = code
            if let codeFolder {
                let stages = code.stages.map { "; \($0.name)\n\($0.text)" }
                let fileName = String(name.map { " /".contains($0) ? "_" : $0 })
                let file = codeFolder.appending(path: "\(fileName).txt")
                try Data(stages.joined(separator: "\n").utf8).write(to: file, options: .atomic)
            }
        } catch {
            failure = "\(error)"
        }
    }

    /// How long the driver took.
    var milliseconds: Double { (code?.seconds ?? 0) * 1000 }

    /// The kernel with its constants, which tell it from its other specialisations.
    var name: String {
        let values = constants.filter { $0.name != "LANES" }.map { "\($0.value)" }.joined(separator: ",")
        let subgroups = subgroupSize.map { "/\($0)" } ?? ""
        return "\(kernel.name) \(threads.map(String.init) ?? "")\(subgroups) \(values)"
    }
}

/// What all kernels came to: a table, or JSON.
struct CompileReport {
    let device: OpenDevice
    let compiled: [CompiledKernel]

    var text: String {
        var table = Table([
            "step": .left, "kernel, threads, constants": .left, "registers": .right, "spills": .right,
            "scratch": .right, "shared": .right, "code": .right, "subgroups a unit": .right, "ms": .right, "": .left,
        ])
        func cell(_ value: Int?) -> String { value.map(String.init) ?? "–" }
        for kernel in compiled {
            let code = kernel.code
            let numbers = [
                code?.registers, code?.spills, code?.scratchBytes, code?.sharedBytes, code?.codeBytes,
                code?.subgroupsPerUnit,
            ]
            let remark = kernel.failure.map { "FAILED: \($0)" } ?? (kernel.isCandidate ? "to be tried" : "")
            table.add(
                [kernel.label, kernel.name] + numbers.map(cell) + [Format.fixed(kernel.milliseconds, 0), remark])
        }
        let failed = compiled.count { $0.failure != nil }
        let spilling = compiled.count { ($0.code?.spills ?? 0) > 0 }
        let tells = compiled.contains { $0.code?.spills != nil }
        return [
            "\(device.name), \(device.driver)", table.text,
            "\(compiled.count) kernels, \(failed) cannot be compiled"
                + (tells ? ", \(spilling) spill" : "; the driver does not say what spills"),
        ].joined(separator: "\n")
    }

    var json: JSONText {
        .members([
            "device": .string(device.name), "driver": .string(device.driver),
            "kernels": .array(
                compiled.map { kernel in
                    .members([
                        "step": .string(kernel.label), "kernel": .string(kernel.kernel.name),
                        "constants": .object(kernel.constants.map { ($0.name, .integer($0.value)) }),
                        "subgroup_size": kernel.subgroupSize.map(JSONText.integer) ?? .null,
                        "candidate": .bool(kernel.isCandidate), "ms": .number(kernel.milliseconds),
                        "failure": kernel.failure.map(JSONText.string) ?? .null,
                        "statistics": .object((kernel.code?.values ?? []).map { ($0.name, .number($0.value)) }),
                    ])
                }),
        ])
    }
}

extension WeightType: ExpressibleByArgument {
    public init?(argument: String) {
        guard let found = WeightType.allCases.first(where: { $0.description == argument }) else { return nil }
        self = found
    }
}
