import Foundation
import Percept
import PerceptCommandKit

/// What decides, outside of Vulkan, whether a driver is found: device nodes, driver manifests, the container.
struct Machine {
    /// `/dev/nvidia0` or the NVIDIA kernel module is there.
    let hasNVIDIA: Bool
    /// Render nodes of `/dev/dri`, and whether this user may open them.
    let renderNodes: [(path: String, isAccessible: Bool)]
    /// Manifests of Vulkan drivers where the loader looks for them.
    let manifests: [String]
    let isContainer: Bool
    let environment: [String: String]

    static var current: Machine {
        let files = FileManager.default
        func list(_ folder: String) -> [String] {
            ((try? files.contentsOfDirectory(atPath: folder)) ?? []).sorted().map { "\(folder)/\($0)" }
        }
        let folders = ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"]
        return Machine(
            hasNVIDIA: files.fileExists(atPath: "/dev/nvidia0")
                || files.fileExists(atPath: "/proc/driver/nvidia/version"),
            renderNodes: list("/dev/dri").filter { $0.contains("/renderD") }.map {
                ($0, files.isReadableFile(atPath: $0) && files.isWritableFile(atPath: $0))
            },
            manifests: folders.flatMap(list).filter { $0.hasSuffix(".json") },
            isContainer: ["/.dockerenv", "/run/.containerenv"].contains { files.fileExists(atPath: $0) },
            environment: ProcessInfo.processInfo.environment)
    }

    /// What is wrong with this machine, given the devices Vulkan sees or why it sees none.
    func findings(_ devices: [DeviceDescription], _ failure: PerceptError?) -> [Finding] {
        var findings: [Finding] = []
        if let failure { findings.append(Finding(failure.message, advice: advice(for: failure))) }
        for device in devices where !device.isUsable {
            findings.append(
                Finding(
                    "\(device.name) lacks \(device.missing.joined(separator: ", "))",
                    advice: "update its driver; Percept needs Vulkan 1.2 with these features"))
        }
        for name in ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"] {
            guard let value = environment[name] else { continue }
            for file in value.split(separator: ":") where !FileManager.default.fileExists(atPath: String(file)) {
                findings.append(
                    Finding("\(name) names \(file), which is not there", advice: "correct or unset \(name)"))
            }
        }
        let seesGPU = devices.contains { !$0.isCPU }
        if !seesGPU { findings += missingGPU(failure != nil) }
        return findings
    }

    private func advice(for failure: PerceptError) -> String {
        switch failure.reason {
        case .noVulkanLoader: "install the package libvulkan1, and mesa-vulkan-drivers or your GPU vendor's driver"
        case .oldVulkanLoader: "install a newer libvulkan1"
        case .noDevice, .deviceUnsuitable:
            manifests.isEmpty
                ? "install mesa-vulkan-drivers (AMD, Intel, and a driver for the CPU) or your GPU vendor's driver"
                : "drivers are installed (\(manifests.joined(separator: ", "))) but none of them works; update them"
        default: "update the GPU's driver"
        }
    }

    private func missingGPU(_ loaderFailed: Bool) -> [Finding] {
        if hasNVIDIA {
            let capabilities = environment["NVIDIA_DRIVER_CAPABILITIES"]
            if let capabilities, !["all", "graphics"].contains(where: capabilities.contains) {
                return [
                    Finding(
                        "there is an NVIDIA GPU, but this container was not given its Vulkan driver",
                        advice:
                            "start it with NVIDIA_DRIVER_CAPABILITIES=all (it is \(capabilities); graphics is needed)")
                ]
            }
            return [
                Finding(
                    "there is an NVIDIA GPU that Vulkan does not see",
                    advice:
                        "install NVIDIA's driver with its Vulkan part (nvidia_icd.json, libGLX_nvidia); in a container "
                        + "set NVIDIA_DRIVER_CAPABILITIES=all")
            ]
        }
        let closed = renderNodes.filter { !$0.isAccessible }.map(\.path)
        if !closed.isEmpty {
            return [
                Finding(
                    "\(closed.joined(separator: ", ")) may not be opened by this user",
                    advice: "add the user to the group that owns it, usually render or video, and log in again")
            ]
        }
        if !renderNodes.isEmpty {
            return [
                Finding(
                    "there is a GPU (\(renderNodes.map(\.path).joined(separator: ", "))) that Vulkan does not see",
                    advice: "install mesa-vulkan-drivers or your GPU vendor's driver")
            ]
        }
        if loaderFailed { return [] }
        return [
            Finding(
                "no GPU: only the CPU computes, which is slow",
                advice: isContainer
                    ? "give the container the GPU: --device /dev/dri for AMD and Intel, --gpus all for NVIDIA"
                    : "none is needed, but a GPU is many times as fast")
        ]
    }
}
