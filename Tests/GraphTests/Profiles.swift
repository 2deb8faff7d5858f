import PerceptGraph
import PerceptShaders

extension DeviceProfile {
    /// A device as tests imagine it.
    static func imagined(
        _ style: Style, subgroup: Int, supports: KernelRequirements = [.subgroupShuffle, .subgroupArithmetic],
        flopsPerSecond: Double = 1e13
    ) -> DeviceProfile {
        DeviceProfile(
            style: style, subgroupSize: subgroup, supports: supports, largestGroupCount: [65535, 65535, 65535],
            largestWorkgroup: 1024, sharedMemoryBytes: 32768, flopsPerSecond: flopsPerSecond)
    }

    static let cpu8 = imagined(.cpu, subgroup: 8)
    static let gpu32 = imagined(.gpu, subgroup: 32)
}
