import ArgumentParser
import Foundation
import PerceptCommandKit
import PerceptGraph
import PerceptNumbers
import PerceptRuntime

/// Runs every kind of kernel in every storage type and style on awkward shapes, and compares with sums in double precision.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Compares kernels on awkward shapes with double precision on the CPU.")

    @OptionGroup var device: DeviceOption

    @Flag(help: "Print JSON.")
    var json = false

    /// Rows, columns and depth: one row, edges of tiles, nothing that is a multiple of anything, and a depth that GPUs make
    /// in parts.
    private static let products = [
        "1x40x588", "3x100x20", "5x12x20", "17x40x8", "33x12x588", "70x100x20", "197x136x264", "20x136x2056",
    ]
    private static let attentions = ["2x7x8", "2x197x24", "2x33x64", "2x17x80", "2x9x96", "2x33x128"]
    private static let norms = ["1x8", "5x100", "33x588", "3x1536"]

    private static var cases: [KernelCase] {
        let plain = ["f32", "f16", "bf16"]
        let texts =
            ["product", "gelu"].flatMap { kind in
                products.flatMap { shape in (plain + ["q8", "q4"]).map { "\(kind):\(shape):\($0)" } }
            } + (plain + ["q8", "q4"]).map { "draw:1x1003x588:\($0)" }
            + attentions.flatMap { shape in plain.map { "attention:\(shape):\($0)" } }
            + norms.map { "norm:\($0):f32" }
        return texts.compactMap { KernelCase($0) }
    }

    private struct Finding {
        let text: String
        let style: KernelStyle
        let error: Double
        let bound: Double
        var passed: Bool { error <= bound }
    }

    func run() throws {
        let gpu = try device.open()
        var findings: [Finding] = []
        for style in KernelStyle.allCases {
            guard let profile = style.profile(on: gpu) else { continue }
            for measured in Self.cases {
                let measurement = try KernelMeasurement(measured, on: profile, gpu)
                // NaN must not pass for a small error.
                let error = measurement.error.map { $0.isFinite ? $0 : .infinity } ?? .infinity
                findings.append(
                    Finding(text: measured.text, style: style, error: error, bound: measured.errorBound))
            }
        }
        report(findings, on: gpu)
        if findings.contains(where: { !$0.passed }) { throw ExitCode(70) }
    }

    private func report(_ findings: [Finding], on gpu: OpenDevice) {
        let wrong = findings.filter { !$0.passed }
        guard !json else {
            let results = findings.map { finding in
                JSONText.members([
                    "case": .string(finding.text), "style": .string(finding.style.rawValue),
                    "error": .float(Float(finding.error)), "bound": .float(Float(finding.bound)),
                    "passed": .bool(finding.passed),
                ])
            }
            let document = JSONText.members([
                "device": .string(gpu.name), "driver": .string(gpu.driver),
                "passed": .bool(wrong.isEmpty), "results": .array(results),
            ])
            return Console.shared.result(document.text)
        }
        Console.shared.result("\(gpu.name), \(gpu.driver)")
        var table = Table(["": .left, "case": .left, "style": .left, "error": .right, "bound": .right])
        for finding in wrong.isEmpty ? findings.sorted(by: { $0.error / $0.bound > $1.error / $1.bound }) : wrong {
            table.add([
                finding.passed ? "right" : "WRONG", finding.text, finding.style.rawValue,
                Format.scientific(Float(finding.error)), Format.scientific(Float(finding.bound)),
            ])
        }
        Console.shared.result(table.text)
        Console.shared.result("\(findings.count - wrong.count) of \(findings.count) are right")
    }
}

extension KernelCase {
    /// The largest error that passes, relative to the results' root mean square.
    ///
    /// Sums in f32 of numbers that are given exactly stray as √depth units of 2⁻²⁴, and 64 samples may lie several
    /// deviations out; exp of an attention may be off by 19 units more. A GELU is stored in the type: half a unit in its
    /// last place, of a value up to five times the root mean square.
    var errorBound: Double {
        let sums = 1e-5 * max(1, (Double(shape.last ?? 1) / 1024).squareRoot())
        return kind == .gelu ? sums + 5 * storage.roundoff : sums
    }
}
