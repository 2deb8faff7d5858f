/// What a GPU, or a driver that computes on the CPU, says about itself. A value: no device is needed to have one.
package struct PhysicalDevice: Hashable, Sendable {
    package enum Kind: String, Hashable, Sendable {
        case discrete, integrated, virtual, cpu, other
    }

    /// The position in `Instance.physicalDevices()`.
    package var index: Int
    package var name: String
    package var kind: Kind
    /// 32 hexadecimal digits, the same in every process.
    package var uuid: String
    /// Where it is on the PCI bus, as Linux writes it: `0000:03:00.0`; nil where the driver does not say.
    package var pciAddress: String?
    package var vendorID = 0
    package var deviceID = 0
    package var apiVersion = Version(1, 2)
    package var driverName = ""
    package var driverInfo = ""
    /// The driver's own version number, in a packing of its own.
    package var driverVersion = 0
    package var limits = DeviceLimits()
    package var features: DeviceFeatures = []
    package var memoryHeaps: [MemoryHeap] = []
    package var memoryTypes: [MemoryType] = []
    /// The queue family that computations go to; nil where none can.
    package var computeQueueFamily: Int?
    /// Matrix shapes of `VK_KHR_cooperative_matrix`; empty without it.
    package var cooperativeMatrixShapes: [CooperativeMatrixShape] = []
    /// Of `VK_NV_cooperative_matrix2`: what the sides of matrices must be multiples of; empty without it.
    package var flexibleMatrixShapes: [CooperativeMatrixShape] = []

    package init(index: Int, name: String, kind: Kind, uuid: String) {
        self.index = index
        self.name = name
        self.kind = kind
        self.uuid = uuid
    }

    /// The names of required parts that are not there; a device with any cannot be opened.
    package var missingBaseline: [String] {
        var missing: [String] = []
        if apiVersion < Version(1, 2) { missing.append("Vulkan 1.2 (it has \(apiVersion))") }
        if computeQueueFamily == nil { missing.append("a compute queue") }
        if limits.maxPushConstantsSize < DeviceLimits.pushConstantSize {
            missing.append("\(DeviceLimits.pushConstantSize) bytes of push constants")
        }
        return missing + DeviceFeatures.baseline.subtracting(features).names
    }

    /// Device and host share their memory: every device-local heap is visible to the host.
    package var isUnifiedMemory: Bool {
        if kind == .cpu { return true }
        guard kind == .integrated else { return false }
        let visible = Set(
            memoryTypes.filter { $0.properties.isSuperset(of: [.deviceLocal, .hostVisible]) }.map(\.heap))
        return memoryHeaps.indices.allSatisfy { !memoryHeaps[$0].isDeviceLocal || visible.contains($0) }
    }

    /// A load whose address is the same in a whole workgroup is made once instead of lane by lane.
    ///
    /// A property of compilers, which none of them says: measured on Mesa's llvmpipe, whose driver version is Mesa's, in
    /// 26.2, and not so in 25.0 and 22.3.
    package var readsUniformsOnce: Bool {
        kind == .cpu && driverName == "llvmpipe" && Version(packed: UInt32(driverVersion)) >= Version(26, 2)
    }

    /// Bytes of all device-local heaps.
    package var deviceLocalBytes: UInt64 { memoryHeaps.filter(\.isDeviceLocal).map(\.size).reduce(0, +) }
}

package struct MemoryHeap: Hashable, Sendable {
    /// In bytes.
    package var size: UInt64
    package var isDeviceLocal: Bool

    package init(size: UInt64, isDeviceLocal: Bool) {
        self.size = size
        self.isDeviceLocal = isDeviceLocal
    }
}

package struct MemoryType: Hashable, Sendable {
    package struct Properties: OptionSet, Hashable, Sendable {
        package let rawValue: UInt32

        package init(rawValue: UInt32) { self.rawValue = rawValue }

        // The bits of VkMemoryPropertyFlagBits.
        package static let deviceLocal = Properties(rawValue: 1 << 0)
        package static let hostVisible = Properties(rawValue: 1 << 1)
        package static let hostCoherent = Properties(rawValue: 1 << 2)
        package static let hostCached = Properties(rawValue: 1 << 3)
        package static let lazilyAllocated = Properties(rawValue: 1 << 4)
        package static let protected = Properties(rawValue: 1 << 5)
        /// AMD's uncached memory for debugging, which needs a feature of its own.
        package static let deviceCoherent = Properties(rawValue: 1 << 6)
        package static let deviceUncached = Properties(rawValue: 1 << 7)
    }

    /// The index into `PhysicalDevice.memoryHeaps`.
    package var heap: Int
    package var properties: Properties

    package init(heap: Int, properties: Properties) {
        self.heap = heap
        self.properties = properties
    }
}

/// A product A[M, K] · B[K, N] + C[M, N] that the device computes as one operation.
package struct CooperativeMatrixShape: Hashable, Sendable {
    /// An element type; other codes of `VkComponentTypeKHR` keep their number.
    package enum Component: Hashable, Sendable {
        case float16, float32, float64, int8, int16, int32, int64, uint8, uint16, uint32, uint64, bfloat16
        case other(UInt32)
    }

    package enum Scope: Hashable, Sendable {
        case subgroup, workgroup
        case other(UInt32)
    }

    package var m: Int
    package var n: Int
    package var k: Int
    package var a: Component
    package var b: Component
    package var c: Component
    package var result: Component
    package var saturating: Bool
    package var scope: Scope
    /// Threads of the workgroup that a flexible shape at workgroup scope is for.
    package var workgroupInvocations: Int?

    package init(
        m: Int, n: Int, k: Int, a: Component, b: Component, c: Component, result: Component, saturating: Bool,
        scope: Scope, workgroupInvocations: Int? = nil
    ) {
        self.m = m
        self.n = n
        self.k = k
        self.a = a
        self.b = b
        self.c = c
        self.result = result
        self.saturating = saturating
        self.scope = scope
        self.workgroupInvocations = workgroupInvocations
    }
}
