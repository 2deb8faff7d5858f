import Foundation
package import PerceptGraph
package import PerceptVulkan

extension DeviceClass {
    /// The family that a device belongs to, told from what its driver says of it.
    package init(_ device: PhysicalDevice) {
        // PCI vendors, and Apple as MoltenVK and Honeykrisp name it.
        let (nvidia, amd, apple) = (0x10DE, 0x1002, 0x106B)
        if device.kind == .cpu {
            self = .cpu
        } else if device.vendorID == apple || device.driverName == "MoltenVK" {
            // Through MoltenVK even AMD's GPUs have the compiler of Metal.
            self = .apple
        } else if device.vendorID == nvidia {
            self = .nvidia
        } else if device.vendorID == amd {
            self = Self.amd(device)
        } else if device.isIntel {
            self = device.kind == .discrete ? .intelArc : .intelIntegrated
        } else {
            self = .other
        }
    }

    /// By subgroup sizes, then by name, then by what matrix units there are: of future names only the last may be known.
    private static func amd(_ device: PhysicalDevice) -> DeviceClass {
        let limits = device.limits
        // RDNA runs subgroups of 32 too. A driver without the extension tells one size, whatever there is.
        if device.features.contains(.subgroupSizeControl), limits.minSubgroupSize == 64 { return .amdGCN }
        let name = device.name.uppercased()
        // "AMD Radeon RX 7900 XTX (RADV NAVI31)": the chip; "AMD Radeon RX 7900 XTX": the series.
        let chips: [(DeviceClass, [String])] = [
            (.amdRDNA4, ["NAVI4", "GFX12"]), (.amdRDNA3, ["NAVI3", "PHOENIX", "GFX11", "STRIX"]),
            (.amdRDNA2, ["NAVI1", "NAVI2", "VANGOGH", "REMBRANDT", "RAPHAEL", "MENDOCINO", "GFX10"]),
            (.amdGCN, ["VEGA", "POLARIS", "RAVEN", "RENOIR", "FIJI", "TONGA", "HAWAII", "GFX9"]),
        ]
        if name.contains("RADV"),
            let found = chips.first(where: { $0.1.contains { name.contains("RADV \($0)") || name.contains("_\($0)") } })
        {
            return found.0
        }
        let series: [(DeviceClass, Regex<Substring>)] = [
            (.amdRDNA4, /RX 9\d{3}|R9[67]00/), (.amdRDNA3, /RX 7\d{3}|W7\d{3}|[78][4-9]0M|80[4-6]0S/),
            (.amdRDNA2, /RX [56]\d{3}|W[56]\d{3}|6[168]0M|V620/),
            (.amdGCN, /VEGA|RX [45]\d0|RADEON VII|INSTINCT|WX \d{4}/),
        ]
        if let found = series.first(where: { name.contains($0.1) }) { return found.0 }
        if device.features.contains(.bfloat16CooperativeMatrix) { return .amdRDNA4 }
        if !device.cooperativeMatrixShapes.isEmpty { return .amdRDNA3 }
        return limits.minSubgroupSize == 32 ? .amdRDNA2 : .amdGCN
    }
}

extension PhysicalDevice {
    var isIntel: Bool { vendorID == 0x8086 }
}

extension KernelPreferences {
    /// Takes what the driver says of this very device in place of its family's figures.
    mutating func adopt(_ device: PhysicalDevice) {
        if device.kind == .cpu {
            enoughWorkgroups = ProcessInfo.processInfo.activeProcessorCount
        } else if let processors = device.limits.processors {
            enoughWorkgroups = processors
            mostParts = ProductShape.mostParts
        }
        // On a CPU driver it says nothing of speed.
        dotsPackedBytes = device.kind != .cpu && device.limits.integerDotProductAccelerated
        // ggml leaves its largest tile out for AMD's own driver, whose compiler spills it (llama.cpp#18763); untried here.
        if ["AMD proprietary driver", "AMD open-source driver"].contains(device.driverName) { longestMatrixTile = 64 }
    }
}
