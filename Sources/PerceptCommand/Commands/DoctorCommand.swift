import ArgumentParser
import Foundation
import Percept
import PerceptCommandKit

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "What Percept finds on this machine, what does not work, and what to do about it.")

    @OptionGroup var global: GlobalOptions

    func validate() throws { try global.refuseComputing(device: false, for: "doctor") }

    func run() async throws {
        let (devices, failure) = findDevices()
        let machine = Machine.current
        var findings = machine.findings(devices, failure)
        let selfTest = await selfTest(devices, &findings)
        let cache = CacheState.current
        if let fault = cache.fault {
            findings.append(Finding("\(cache.path): \(fault)", advice: "kernels are compiled anew on every start"))
        }
        if !KernelReport.leftOut.isEmpty {
            findings.append(
                Finding(
                    "this build lacks the kernels \(KernelReport.leftOut.joined(separator: ", "))",
                    advice: "run Tools/prebuild-shaders and build again; until then portable kernels stand in"))
        }
        for decoder in MediaSupport.missingDecoders {
            findings.append(Finding("FFmpeg has no decoder for \(decoder)", advice: "such files cannot be read"))
        }
        if global.json {
            let document = JSONText.members([
                "version": .string(toolVersion), "devices": .array(devices.map(\.json)),
                "self_test": selfTest.map(\.json) ?? .null,
                "unproven_kernels": .strings(KernelReport.unproven),
                "media": .object(MediaSupport.libraries.map { (name: $0.name, value: .string($0.version)) }),
                "cache": .members(["path": .string(cache.path), "bytes": .integer(cache.bytes)]),
                "findings": .array(findings.map(\.json)),
            ])
            Console.shared.result(document.text)
        } else {
            printDevices(devices)
            if let selfTest { printSelfTest(selfTest) }
            if !KernelReport.unproven.isEmpty {
                let names = KernelReport.unproven.joined(separator: ", ")
                Console.shared.result("\nKernels that wait for a device to prove them, and are not used\n  \(names)")
            }
            Console.shared.result("\nMedia")
            let versions = MediaSupport.libraries.map { "\($0.name) \($0.version)" }
            Console.shared.result("  " + versions.joined(separator: ", "))
            Console.shared.result("\nCache")
            Console.shared.result("  \(cache.path): \(cache.fault ?? "\(cache.bytes >> 10) KiB")")
            Console.shared.result(findings.isEmpty ? "\nNothing to complain about." : "\nFindings")
            for finding in findings { Console.shared.result("  \(finding.text)\n    → \(finding.advice)") }
        }
        if selfTest?.hasPassed != true { throw ExitCode(PerceptError.Code.unavailable.rawValue) }
    }

    private func findDevices() -> ([DeviceDescription], PerceptError?) {
        do { return (try GPU.devices(), nil) } catch { return ([], error) }
    }

    /// What the device that commands would use computes, beside what it should.
    private struct Trial {
        let device: String
        let results: [SelfTestResult]
        let matrixUnits: [MatrixUnitsReport]
        let family: String
        let tuning: TuningState

        var hasPassed: Bool { results.allSatisfy(\.passed) }
        /// Kernels that were selected for the device.
        var kernels: [String] { Set(results.flatMap(\.kernels)).sorted() }

        var json: JSONText {
            .members([
                "device": .string(device), "passed": .bool(hasPassed), "kernels": .strings(kernels),
                "results": .array(
                    results.map {
                        .members([
                            "name": .string($0.name), "error": .float($0.error), "bound": .float($0.bound),
                            "passed": .bool($0.passed),
                        ])
                    }),
                "matrix_units": .array(
                    matrixUnits.map {
                        .members([
                            "kernel": .string($0.kernel), "used": .bool($0.isUsed), "finding": .string($0.finding),
                        ])
                    }),
                "tuning": .members([
                    "family": .string(family), "shapes": .integer(tuning.shapes), "stale": .integer(tuning.stale),
                    "seconds_old": tuning.date.map { .number(-$0.timeIntervalSinceNow) } ?? .null,
                ]),
            ])
        }

        /// What kernels are chosen by.
        var choice: String {
            let defaults = "defaults for the family \(family)"
            let stale = tuning.stale > 0 ? "; \(tuning.stale) measured with other kernels, which no longer count" : ""
            guard let date = tuning.date else { return "\(defaults); `percept tune` measures\(stale)" }
            let hours = -date.timeIntervalSinceNow / 3600
            let age = hours < 48 ? "\(Format.fixed(hours, 1)) hours" : "\(Format.fixed(hours / 24, 0)) days"
            return "measured for \(tuning.shapes) shapes, the last \(age) ago; else \(defaults)\(stale)"
        }
    }

    /// What goes wrong becomes a finding.
    private func selfTest(_ devices: [DeviceDescription], _ findings: inout [Finding]) async -> Trial? {
        guard !devices.isEmpty else { return nil }
        do {
            let gpu = try GPU.named(global.device)
            let trial = Trial(
                device: gpu.description.name, results: try await gpu.selfTest(), matrixUnits: gpu.matrixUnits,
                family: gpu.family, tuning: gpu.tuning)
            if let fault = trial.tuning.fault {
                findings.append(Finding("\(fault)", advice: "run `percept tune`, which writes it anew"))
            }
            for units in trial.matrixUnits where units.isFault {
                findings.append(
                    Finding(
                        "\(units.kernel) fails on the matrix units of \(trial.device): \(units.finding)",
                        advice: "portable kernels stand in; a newer driver may help"))
            }
            if !trial.hasPassed {
                findings.append(
                    Finding(
                        "\(trial.device) computes wrongly",
                        advice: "update its driver, or choose another device with --device"))
            }
            return trial
        } catch {
            findings.append(
                Finding("the self-test did not run: \(PerceptError(error).message)", advice: "try another --device"))
            return nil
        }
    }

    private func printDevices(_ devices: [DeviceDescription]) {
        Console.shared.result("Percept \(toolVersion)\n\nDevices")
        if devices.isEmpty { Console.shared.result("  none") }
        for device in devices {
            let state = device.isUsable ? "ready" : "cannot be used: lacks \(device.missing.joined(separator: ", "))"
            Console.shared.result("  \(device.index): \(device.name), \(device.kind), \(state)")
            Console.shared.result("     driver \(device.driver), Vulkan \(device.apiVersion)")
            Console.shared.result(
                "     memory \(Format.bytes(device.memoryBytes)), subgroups of \(device.subgroupSize), UUID \(device.uuid)"
            )
            Console.shared.result("     has \(device.features.joined(separator: ", "))")
            for feature in device.optionalMissing {
                guard let consequence = Self.consequences[feature] else { continue }
                Console.shared.result("     lacks \(feature): \(consequence)")
            }
            let harmless = device.optionalMissing.filter { Self.consequences[$0] == nil }
            if !harmless.isEmpty {
                Console.shared.result(
                    "     lacks \(harmless.joined(separator: ", ")): no kernel of this version needs them")
            }
        }
    }

    private func printSelfTest(_ trial: Trial) {
        Console.shared.result("\nSelf-test on \(trial.device)")
        var table = Table(["": .left, "tower": .left, "error": .right, "bound": .right])
        for result in trial.results {
            table.add([
                result.passed ? "  right" : "  WRONG", result.name, Format.scientific(result.error),
                Format.scientific(result.bound),
            ])
        }
        Console.shared.result(table.text)
        Console.shared.result("  kernels: " + trial.kernels.joined(separator: ", "))
        Console.shared.result("  chosen by: " + trial.choice)
        for units in trial.matrixUnits where !units.isFault {
            Console.shared.result("  on matrix units \(units.kernel): \(units.finding)")
        }
    }

    /// What a user notices of a feature that is not there.
    private static let consequences = [
        "VK_EXT_memory_budget": "what other programs hold is not known, so memory may run out late",
        "subgroupSizeControl": "kernels take the subgroup size that the driver chooses",
        "computeFullSubgroups": "kernels that exchange values in subgroups are left out where sizes vary",
        "VK_KHR_cooperative_matrix": "products do without matrix units",
        "vulkanMemoryModel": "products do without matrix units",
        "shaderFloat16": "products do without matrix units",
    ]
}
