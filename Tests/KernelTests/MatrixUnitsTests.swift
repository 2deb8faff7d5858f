import PerceptGraph
import PerceptNumbers
import PerceptRuntime
import PerceptShaders
import PerceptVulkan
import Testing

/// Which matrix units a device is said to have: a pure function of what its driver reports.
@Suite("Matrix units of a device")
struct MatrixUnitsTests {
    private static let features: DeviceFeatures = [
        .cooperativeMatrix, .vulkanMemoryModel, .shaderFloat16, .subgroupSizeControl, .computeFullSubgroups,
    ]

    private static func shape(
        _ m: Int, _ n: Int, _ k: Int, _ type: CooperativeMatrixShape.Component = .float16,
        to result: CooperativeMatrixShape.Component = .float32, saturating: Bool = false,
        scope: CooperativeMatrixShape.Scope = .subgroup
    ) -> CooperativeMatrixShape {
        CooperativeMatrixShape(
            m: m, n: n, k: k, a: type, b: type, c: result, result: result, saturating: saturating, scope: scope)
    }

    private static func device(
        _ shapes: [CooperativeMatrixShape], features: DeviceFeatures = features, subgroup: Int = 32
    ) -> PhysicalDevice {
        var device = PhysicalDevice(index: 0, name: "imagined", kind: .discrete, uuid: "")
        device.features = features
        device.limits.subgroupSize = subgroup
        device.limits.minSubgroupSize = 8
        device.limits.maxSubgroupSize = 64
        device.limits.canRequireSubgroupSize = true
        device.limits.subgroupOperations = [.basic, .shuffle, .vote]
        device.cooperativeMatrixShapes = shapes
        return device
    }

    private func units(_ device: PhysicalDevice, parked: Bool = false) -> MatrixUnits? {
        MatrixUnits(device, parked: parked) { _ in true }
    }

    @Test("the shape that does most, with f32 sums, in subgroups")
    func choice() throws {
        let reported = [
            Self.shape(16, 8, 8), Self.shape(16, 16, 16, to: .float16), Self.shape(16, 8, 16),
            Self.shape(32, 32, 32, scope: .workgroup), Self.shape(32, 32, 16, saturating: true),
            Self.shape(64, 64, 64), Self.shape(16, 16, 24), Self.shape(16, 16, 32, .int8, to: .int32),
        ]
        let found = try #require(units(Self.device(reported)))
        #expect(found.shapes == [.f16: .init(rows: 16, columns: 8, depth: 16)])
        #expect(found.subgroupSize == 32)
        #expect(units(Self.device([Self.shape(16, 16, 16, to: .float16)])) == nil)
        #expect(units(Self.device([])) == nil)
    }

    @Test("every feature that the modules are compiled for is asked for")
    func gates() {
        let shapes = [Self.shape(16, 16, 16)]
        #expect(units(Self.device(shapes)) != nil)
        for feature in [
            DeviceFeatures.cooperativeMatrix, .vulkanMemoryModel, .shaderFloat16, .subgroupSizeControl,
            .computeFullSubgroups,
        ] {
            #expect(units(Self.device(shapes, features: Self.features.subtracting(feature))) == nil, "\(feature.names)")
        }
        var device = Self.device(shapes)
        device.limits.canRequireSubgroupSize = false
        #expect(units(device) == nil)
        device.limits.minSubgroupSize = device.limits.maxSubgroupSize
        #expect(units(device) != nil)
        device = Self.device(shapes)
        device.limits.subgroupOperations = [.basic, .shuffle]
        #expect(units(device)?.kernels.contains(Catalog.matmulMatrix[.plain]) == true)
        #expect(units(device)?.kernels.contains(Catalog.attentionMatrix[.plain]) == false)
        device.limits.subgroupOperations = [.shuffle]
        #expect(units(device) == nil)
        #expect(MatrixUnits(Self.device(shapes)) { _ in false } == nil)
    }

    @Test("kernels that wait for a proof serve tests alone, and bfloat16 needs its features")
    func parked() {
        let shapes = [Self.shape(16, 16, 16), Self.shape(16, 16, 16, .bfloat16)]
        let all = Self.features.union([.shaderBfloat16, .bfloat16CooperativeMatrix])
        let found = units(Self.device(shapes, features: all))
        #expect(found?.shapes.count == 2)
        #expect(found?.kernels.contains(Catalog.matmulMatrix[.plain]) == true)
        #expect(found?.kernels.contains(where: \.isParked) == false)
        let withParked = units(Self.device(shapes, features: all), parked: true)
        #expect(withParked?.kernels.contains(Catalog.matmulMatrix[.bf16]) == true)
        let f16 = units(Self.device(shapes), parked: true)
        #expect(f16?.shapes.count == 1 && f16?.kernels.contains(Catalog.matmulMatrix[.bf16]) == false)
    }

    @Test("matrices of workgroups come with all parts of their extension")
    func workgroups() throws {
        var device = Self.device([Self.shape(16, 16, 16)])
        device.apiVersion = Version(1, 3)
        device.features.formUnion([.cooperativeMatrix2, .maintenance4, .storageBuffer16Bit])
        device.limits.maxMatrixWorkgroup = 256
        device.limits.maxMatrixDimension = 512
        device.limits.reservedMatrixSharedMemory = 1024
        for (threads, scope) in [
            (128, CooperativeMatrixShape.Scope.workgroup), (256, .workgroup), (512, .workgroup), (0, .subgroup),
        ] {
            var flexible = Self.shape(32, 16, 16, scope: scope)
            flexible.workgroupInvocations = threads
            device.flexibleMatrixShapes.append(flexible)
        }
        let found = try #require(units(device, parked: true))
        #expect(found.workgroups.map(\.threads) == [128, 256])
        #expect(found.workgroups.allSatisfy { $0.step == .init(rows: 32, columns: 16, depth: 16) && $0.longest == 512 })
        #expect(found.reservedSharedMemory == 1024)
        #expect(found.kernels.contains(Catalog.matmulWorkgroupMatrix[.plain]))
        #expect(units(device)?.kernels.contains(where: \.isParked) == false)
        for feature in [DeviceFeatures.cooperativeMatrix2, .maintenance4, .storageBuffer16Bit] {
            var lacking = device
            lacking.features.remove(feature)
            #expect(units(lacking, parked: true)?.workgroups == [], "\(feature.names)")
        }
        device.apiVersion = Version(1, 2)
        #expect(units(device, parked: true)?.kernels.contains(Catalog.matmulWorkgroupMatrix[.plain]) == false)
    }

    @Test("Intel's matrices are for its narrowest subgroups")
    func intel() {
        var device = Self.device([Self.shape(8, 8, 16)])
        device.vendorID = 0x8086
        #expect(units(device)?.subgroupSize == 8)
    }
}
