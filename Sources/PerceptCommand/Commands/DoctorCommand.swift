import ArgumentParser
import Foundation
import Percept
import PerceptMedia

struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "What Percept finds on this machine, what does not work, and what to do about it.")

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let (devices, failure) = findDevices()
        let machine = Machine.current
        var findings = machine.findings(devices, failure)
        let selfTest = await selfTest(devices, &findings)
        let cache = CacheDirectory.current
        if let fault = cache.fault {
            findings.append(Finding("\(cache.path): \(fault)", advice: "kernels are compiled anew on every start"))
        }
        for decoder in MediaLibraries.missingDecoders {
            findings.append(Finding("FFmpeg has no decoder for \(decoder)", advice: "such files cannot be read"))
        }
        if global.json {
            let document = JSONText.members([
                "version": .string(PerceptTool.version), "devices": .array(devices.map(\.json)),
                "self_test": selfTest.map { .members(["device": .string($0.device), "passed": .bool($0.passed)]) }
                    ?? .null,
                "kernels": .strings(selfTest?.kernels ?? []),
                "media": .object(MediaLibraries.versions.map { (name: $0.name, value: .string($0.version)) }),
                "cache": .members(["path": .string(cache.path), "bytes": .integer(cache.bytes)]),
                "findings": .array(findings.map(\.json)),
            ])
            Console.shared.result(document.text)
        } else {
            printDevices(devices)
            if let selfTest { printSelfTest(selfTest) }
            Console.shared.result("\nMedia")
            let versions = MediaLibraries.versions.map { "\($0.name) \($0.version)" }
            Console.shared.result("  " + versions.joined(separator: ", "))
            Console.shared.result("\nCache")
            Console.shared.result("  \(cache.path): \(cache.fault ?? "\(cache.bytes >> 10) KiB")")
            Console.shared.result(findings.isEmpty ? "\nNothing to complain about." : "\nFindings")
            for finding in findings { Console.shared.result("  \(finding.text)\n    → \(finding.advice)") }
        }
        if selfTest?.passed != true { throw ExitCode(PerceptError.Code.unavailable.rawValue) }
    }

    private func findDevices() -> ([DeviceDescription], PerceptError?) {
        do { return (try GPU.devices(), nil) } catch { return ([], error) }
    }

    /// Runs the device that commands would use; what goes wrong becomes a finding.
    private func selfTest(_ devices: [DeviceDescription], _ findings: inout [Finding]) async -> SelfTest? {
        guard !devices.isEmpty else { return nil }
        do {
            let test = try await SelfTest(on: try GPU.named(global.device))
            if !test.passed {
                findings.append(
                    Finding(
                        "\(test.device) computes wrongly: \(test.outcome)",
                        advice: "update its driver, or choose another device with --device"))
            }
            return test
        } catch {
            findings.append(
                Finding("the self-test did not run: \(PerceptError(error).message)", advice: "try another --device"))
            return nil
        }
    }

    private func printDevices(_ devices: [DeviceDescription]) {
        Console.shared.result("Percept \(PerceptTool.version)\n\nDevices")
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
                Console.shared.result("     lacks \(feature): \(Self.consequence(of: feature))")
            }
        }
    }

    private func printSelfTest(_ test: SelfTest) {
        Console.shared.result("\nSelf-test")
        Console.shared.result("  \(test.device): \(test.passed ? "right" : "WRONG"), \(test.outcome)")
        Console.shared.result("  kernels: " + test.kernels.joined(separator: ", "))
    }

    /// What a user notices of a feature that is not there.
    private static func consequence(of feature: String) -> String {
        switch feature {
        case "VK_EXT_memory_budget": "what other programs hold is not known, so memory may run out late"
        case "VK_EXT_external_memory_host": "weights are copied once more while they are loaded"
        case "subgroupSizeControl": "kernels take the subgroup size that the driver chooses"
        case "computeFullSubgroups": "kernels do not rely on full subgroups"
        default: "none in this version, whose kernels do without it"
        }
    }
}
