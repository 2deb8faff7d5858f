import PerceptVulkan
import Testing

@Suite struct PipelineStatisticsTests {
    private static func statistics(_ values: [(String, Double)]) -> PipelineStatistics {
        PipelineStatistics(values.map { PipelineStatistics.Value($0.0, $0.1) })
    }

    /// Names as the drivers spell them.
    @Test(arguments: [
        (
            statistics([
                ("SGPRs", 48), ("VGPRs", 40), ("Spilled SGPRs", 2), ("Spilled VGPRs", 3), ("Code size", 900),
                ("LDS size", 512), ("Scratch size", 16), ("Subgroups per SIMD", 6),
            ]), [40, 5, 16, 6]
        ),
        (statistics([("Instructions", 100), ("Spills", 0), ("Max live registers", 54)]), [54, 0, nil, nil]),
        (statistics([("Spill Count", 7), ("Fill Count", 9), ("Scratch Memory Size", 64)]), [nil, 7, 64, nil]),
        (statistics([("Register Count", 168), ("Binary Size", 6000)]), [168, nil, nil, nil]),
        (
            statistics([
                ("Instruction count", 900), ("Max warps/SM", 24), ("Spills to memory", 3), ("Fills from memory", 5),
                ("Spills to reg", 40), ("Number of GPRs", 80), ("SLM size", 128),
            ]), [80, 3, 128, 24]
        ),
        (
            statistics([("Max Waves Per Core", 16), ("Registers used", 22), ("STP Count", 2), ("LDP Count", 6)]),
            [22, 2, nil, 16]
        ),
        (statistics([("Code Size", 388), ("Basic Blocks", 11)]), [nil, nil, nil, nil]),
        (statistics([]), [nil, nil, nil, nil]),
    ])
    func namesOfDrivers(statistics: PipelineStatistics, expected: [Int?]) {
        let found = [
            statistics.registers, statistics.spills, statistics.scratchBytes, statistics.subgroupsPerUnit,
        ]
        #expect(found == expected)
    }
}

extension VulkanRoom {
    @Suite(
        .enabled(if: (try? SharedDevice.device.physical.features.contains(.pipelineExecutableProperties)) == true))
    struct CapturedStatisticsTests {
        @Test func aDriverThatOffersThemHasSome() throws {
            let pipeline = try ShaderPipeline.triple(on: SharedDevice.device, factor: 3, captures: .statistics)
            let values = try pipeline.statistics().values
            #expect(!values.isEmpty && values.allSatisfy { !$0.name.isEmpty && $0.value.isFinite })
        }
    }
}
