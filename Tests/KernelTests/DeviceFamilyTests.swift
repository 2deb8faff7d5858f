import PerceptGraph
import PerceptRuntime
import PerceptVulkan
import Testing

/// Names and drivers as devices report them (vulkan.gpuinfo.org; Mesa's and the vendors' drivers).
@Suite("Families of devices")
struct DeviceFamilyTests {
    private static func device(
        _ name: String, _ kind: PhysicalDevice.Kind, vendor: Int, driver: String, subgroups: ClosedRange<Int>,
        features: DeviceFeatures = []
    ) -> PhysicalDevice {
        var device = PhysicalDevice(index: 0, name: name, kind: kind, uuid: "")
        device.vendorID = vendor
        device.driverName = driver
        device.features = features.union(.subgroupSizeControl)
        device.limits.minSubgroupSize = subgroups.lowerBound
        device.limits.maxSubgroupSize = subgroups.upperBound
        device.limits.subgroupSize = subgroups.upperBound
        return device
    }

    private static func nvidia(_ name: String, _ driver: String = "NVIDIA") -> PhysicalDevice {
        device(name, .discrete, vendor: 0x10DE, driver: driver, subgroups: 32...32)
    }

    private static func amd(
        _ name: String, _ kind: PhysicalDevice.Kind = .discrete, driver: String = "radv",
        subgroups: ClosedRange<Int> = 32...64, features: DeviceFeatures = []
    ) -> PhysicalDevice {
        device(name, kind, vendor: 0x1002, driver: driver, subgroups: subgroups, features: features)
    }

    private static func intel(
        _ name: String, _ kind: PhysicalDevice.Kind, driver: String = "Intel open-source Mesa driver"
    ) -> PhysicalDevice {
        device(name, kind, vendor: 0x8086, driver: driver, subgroups: 8...32)
    }

    static let table: [(PhysicalDevice, DeviceClass)] = [
        (nvidia("NVIDIA H100 80GB HBM3"), .nvidia), (nvidia("NVIDIA GeForce RTX 4090"), .nvidia),
        (nvidia("NVIDIA GeForce RTX 3060 (NVK GA106)", "NVK"), .nvidia),
        (amd("AMD Radeon RX 9070 XT (RADV GFX1201)"), .amdRDNA4),
        (amd("AMD Radeon RX 9060 XT", driver: "AMD proprietary driver"), .amdRDNA4),
        (amd("AMD Radeon AI PRO R9700", driver: "AMD open-source driver"), .amdRDNA4),
        (amd("AMD Radeon RX 7900 XTX (RADV NAVI31)"), .amdRDNA3),
        (amd("AMD Radeon RX 7600", driver: "AMD proprietary driver"), .amdRDNA3),
        (amd("AMD Radeon 780M (RADV PHOENIX)", .integrated), .amdRDNA3),
        (amd("AMD Radeon 780M Graphics", .integrated, driver: "AMD proprietary driver"), .amdRDNA3),
        (amd("Radeon 8060S Graphics (RADV GFX1151)", .integrated), .amdRDNA3),
        (amd("AMD Radeon(TM) 8060S Graphics", .integrated, driver: "AMD proprietary driver"), .amdRDNA3),
        (amd("AMD Radeon 890M Graphics (RADV GFX1150)", .integrated), .amdRDNA3),
        (amd("AMD Radeon RX 6800 XT (RADV NAVI21)"), .amdRDNA2),
        (amd("AMD Radeon RX 5700 XT (RADV NAVI10)"), .amdRDNA2),
        (amd("AMD Radeon Graphics (RADV RAPHAEL_MENDOCINO)", .integrated), .amdRDNA2),
        (amd("AMD Custom GPU 0405 (RADV VANGOGH)", .integrated), .amdRDNA2),
        (amd("AMD Radeon Graphics (RADV REMBRANDT)", .integrated), .amdRDNA2),
        (amd("AMD Radeon PRO W6800", driver: "AMD proprietary driver"), .amdRDNA2),
        (amd("AMD Radeon Graphics (RADV RENOIR)", .integrated, subgroups: 64...64), .amdGCN),
        (amd("AMD Radeon RX 580 Series (RADV POLARIS10)", subgroups: 64...64), .amdGCN),
        (amd("AMD Radeon RX Vega (RADV VEGA10)", subgroups: 64...64), .amdGCN),
        (amd("AMD Instinct MI210 (RADV ALDEBARAN)", subgroups: 64...64), .amdGCN),
        // Names that nobody has heard of, told by what they can do.
        (amd("AMD Radeon (RADV NEW)", features: [.bfloat16CooperativeMatrix]), .amdRDNA4),
        (amd("AMD Radeon (RADV NEW)"), .amdRDNA2),
        (intel("Intel(R) Arc(tm) A770 Graphics (DG2)", .discrete), .intelArc),
        (intel("Intel(R) Arc(TM) B580 Graphics", .discrete, driver: "Intel Corporation"), .intelArc),
        (intel("Intel(R) Arc(tm) Graphics (MTL)", .integrated), .intelIntegrated),
        (intel("Intel(R) UHD Graphics 770 (ADL-S GT1)", .integrated), .intelIntegrated),
        (device("Apple M2 Max", .integrated, vendor: 0x106B, driver: "MoltenVK", subgroups: 32...32), .apple),
        (device("Apple M1 (G13G B1)", .integrated, vendor: 0x106B, driver: "Honeykrisp", subgroups: 32...32), .apple),
        (device("AMD Radeon Pro 5500M", .discrete, vendor: 0x1002, driver: "MoltenVK", subgroups: 64...64), .apple),
        (
            device(
                "llvmpipe (LLVM 15.0.6, 256 bits)", .cpu, vendor: 0x10005, driver: "llvmpipe", subgroups: 8...8), .cpu
        ),
        (
            device(
                "SwiftShader Device (LLVM 10.0.0)", .cpu, vendor: 0x1AE0, driver: "SwiftShader driver",
                subgroups: 4...4), .cpu
        ),
        (device("Mali-G715", .integrated, vendor: 0x13B5, driver: "Mali-G715", subgroups: 16...16), .other),
        (device("Adreno (TM) 740", .integrated, vendor: 0x5143, driver: "Qualcomm", subgroups: 64...128), .other),
    ]

    @Test("by vendor, name and driver", arguments: table)
    func family(device: PhysicalDevice, family: DeviceClass) {
        #expect(DeviceClass(device) == family, "\(device.name), \(device.driverName)")
    }

    @Test("what a driver says of its device goes before its family's figures")
    func figures() {
        var device = Self.nvidia("NVIDIA H100 80GB HBM3")
        #expect(DeviceProfile(device).family == .nvidia)
        #expect(DeviceProfile(device).preferences == KernelPreferences(.nvidia))
        device.limits.processors = 132
        #expect(DeviceProfile(device).preferences.enoughWorkgroups == 132)
        let radv = Self.amd("AMD Radeon RX 7900 XTX (RADV NAVI31)")
        let amd = Self.amd("AMD Radeon RX 7900 XTX", driver: "AMD proprietary driver")
        #expect(DeviceProfile(radv).preferences.longestMatrixTile == 256)
        #expect(DeviceProfile(amd).preferences.longestMatrixTile == 64)
    }

    @Test("Intel's lanes have registers enough in its narrowest subgroups")
    func subgroups() {
        var device = Self.intel("Intel(R) Arc(tm) A770 Graphics (DG2)", .discrete)
        device.limits.subgroupSize = 32
        #expect(DeviceProfile(device).subgroupSize == 32)
        device.limits.canRequireSubgroupSize = true
        #expect(DeviceProfile(device).subgroupSize == 8)
        device = Self.nvidia("NVIDIA H100 80GB HBM3")
        (device.limits.subgroupSize, device.limits.canRequireSubgroupSize) = (32, true)
        device.limits.minSubgroupSize = 16
        #expect(DeviceProfile(device).subgroupSize == 32)
    }

    @Test("few rows go to tiles earlier on newer CPU drivers")
    func cpu() {
        var device = Self.device("llvmpipe", .cpu, vendor: 0x10005, driver: "llvmpipe", subgroups: 8...8)
        device.driverVersion = 1
        #expect(DeviceProfile(device).preferences.matvecRows == 3)
        device.driverVersion = 26 << 22 | 2 << 12
        #expect(DeviceProfile(device).preferences.matvecRows == 1)
    }
}
