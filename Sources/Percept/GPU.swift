public import Foundation
public import Logging
package import PerceptEngine
import PerceptGraph
package import PerceptRuntime
import PerceptVulkan

/// What a Vulkan device says about itself.
public struct DeviceDescription: Sendable, Hashable {
    /// Position in ``GPU/devices()``.
    public let index: Int
    /// What the driver calls the device.
    public let name: String
    /// `discrete`, `integrated`, `virtual`, `cpu` or `other`.
    public let kind: String
    /// 32 hexadecimal digits.
    public let uuid: String
    /// Where the device is on the PCI bus, as Linux writes it: `0000:03:00.0`; nil where the driver does not say.
    public let pciAddress: String?
    /// Name and version of the driver.
    public let driver: String
    /// Version of Vulkan that the device offers.
    public let apiVersion: String
    /// Required parts that it lacks; with any, the device cannot be used.
    public let missing: [String]
    /// Features that Percept knows and the device has.
    public let features: [String]
    /// Features that Percept knows and the device lacks; not all of them serve a kernel yet.
    public let optionalMissing: [String]
    /// Bytes of the device's own memory; on a CPU, of the heap the driver reports, which may be less than there is.
    public let memoryBytes: UInt64
    /// Invocations that run in step.
    public let subgroupSize: Int

    /// Whether the device has everything that is required.
    public var isUsable: Bool { missing.isEmpty }
    /// Whether the driver computes on the CPU.
    public var isCPU: Bool { kind == "cpu" }

    init(_ device: PhysicalDevice) {
        index = device.index
        name = device.name
        kind = device.kind.rawValue
        uuid = device.uuid
        pciAddress = device.pciAddress
        driver = [device.driverName, device.driverInfo].filter { !$0.isEmpty }.joined(separator: " ")
        apiVersion = String(describing: device.apiVersion)
        missing = device.missingBaseline
        features = device.features.names
        optionalMissing = DeviceFeatures.all.subtracting(device.features).subtracting(.baseline).names
        memoryBytes = device.deviceLocalBytes
        subgroupSize = device.limits.subgroupSize
    }
}

/// A Vulkan device that has been opened for computing.
///
/// Everything that is computed on it shares it in short turns, and is handed in by one thread of its own; waiting for the
/// device blocks neither that thread nor Swift's cooperative ones. See <doc:SharingADevice>.
///
/// A program may end at any time. Drivers stay loaded until it does, but their exit handlers, and the destructors of the C++
/// libraries that they use, run while work is still under way, unless that has been waited for and the ``GPU`` with what was
/// made of it let go; a program that cannot wait ends without them, by `_exit`, as the command does.
public final class GPU: Sendable {
    package let runtime: OpenDevice
    /// What the device says about itself.
    public let description: DeviceDescription
    /// Bytes that the recorded programs of each model may take.
    let programMemory: Int

    /// - Parameter programMemory: ``Options/programMemory``.
    package init(_ runtime: OpenDevice, programMemory: Int? = nil) {
        self.runtime = runtime
        self.programMemory =
            programMemory ?? max(Self.leastProgramMemory, Int(clamping: runtime.device.availableMemory() / 4))
        description = DeviceDescription(runtime.device.physical)
    }

    private static let leastProgramMemory = 256 << 20

    /// The most bytes of buffers that were alive on the device at once since it was opened.
    public var peakMemory: Int { Int(clamping: runtime.device.memoryStatistics.peakBytes) }

    /// What counts the energy that work on this device takes; nil where nothing does.
    package var energyMeter: EnergyMeter? { EnergyMeter(of: description.kind, pciAddress: description.pciAddress) }

    /// A logger that drops everything, for those who did not pass one.
    public static let silent = Logger(label: "percept") { _ in SwiftLogNoOpLogHandler() }

    /// All devices, usable or not, in the order of their indices.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/unavailable`` where there is no Vulkan loader or driver.
    public static func devices() throws(PerceptError) -> [DeviceDescription] {
        try PerceptError.wrap {
            try Instance { _ in }.physicalDevices().map(DeviceDescription.init)
        }
    }

    /// The device that `PERCEPT_DEVICE` names, else the best there is: discrete before integrated before virtual GPUs,
    /// and a CPU only where there is no GPU.
    ///
    /// - Parameter logger: told which device was opened.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/unavailable``.
    public static func preferred(logger: Logger = silent) throws(PerceptError) -> GPU {
        try named(nil, logger: logger)
    }

    /// The device with an index, a UUID, or a part of its name; nil as ``preferred(logger:)``.
    ///
    /// - Parameters:
    ///   - request: for a part of a name, case does not matter, and one device must answer to it.
    ///   - logger: told which device was opened, and what the validation layers say if `PERCEPT_VALIDATION` is 1.
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/unavailable`` where no device answers, more than one does, or the
    ///   chosen one lacks what is required.
    public static func named(_ request: String?, logger: Logger = silent) throws(PerceptError) -> GPU {
        var options = Options()
        options.device = request ?? options.device
        options.logger = logger
        return try open(options)
    }

    /// How a device is opened.
    public struct Options: Sendable {
        /// An index, a UUID or a part of a name, of which case does not matter and to which one device must answer; nil for
        /// the best there is. At first what `PERCEPT_DEVICE` says.
        public var device: String?
        /// Whether the validation layers look over the library's shoulder, where they are installed; what they say goes to
        /// the logger. At first whether `PERCEPT_VALIDATION` is 1.
        public var validates: Bool
        /// Where compiled kernels, and what was measured of the device, are kept from one process to the next; nil keeps
        /// nothing. At first `percept` in `$XDG_CACHE_HOME`, by default in `~/.cache`.
        public var cacheDirectory: URL?
        /// Bytes of device memory that the recorded programs of each model may take together: those used longest ago are
        /// let go beyond it, and recorded anew when they are needed. Nil for a quarter of what is free, and at least
        /// 256 MiB. What a language model needs at every step does not count.
        public var programMemory: Int?
        /// Told which device was opened, and of what did not go well.
        public var logger = GPU.silent

        /// As the environment says.
        public init() {
            let environment = ProcessInfo.processInfo.environment
            device = environment["PERCEPT_DEVICE"]
            validates = environment["PERCEPT_VALIDATION"] == "1"
            cacheDirectory = CacheDirectory.url
        }
    }

    /// Opens a device.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/unavailable`` where no device answers, more than one does, or the
    ///   chosen one lacks what is required.
    public static func open(_ options: Options = Options()) throws(PerceptError) -> GPU {
        try PerceptError.wrap {
            let logger = options.logger
            let instance = try Instance(validation: options.validates && Instance.canValidate) { message in
                logger.warning("\(message.identifier): \(message.text)")
            }
            let physical = try DeviceSelection.choose(from: instance.physicalDevices(), request: options.device)
            let runtime = try OpenDevice.open(
                try Device(instance, physical), cacheDirectory: options.cacheDirectory)
            if let fault = runtime.tuning.fault {
                logger.warning("\(fault), so that nothing measured applies; `percept tune` measures again")
            }
            logger.debug("opened \(physical.name), \(physical.driverName) \(physical.driverInfo)")
            return GPU(runtime, programMemory: options.programMemory)
        }
    }
}

/// Where compiled pipelines are kept between runs.
package enum CacheDirectory {
    /// `$XDG_CACHE_HOME/percept`, by default `~/.cache/percept`.
    package static var url: URL {
        let environment = ProcessInfo.processInfo.environment
        let base =
            environment["XDG_CACHE_HOME"].map { URL(filePath: $0) }
            ?? FileManager.default.homeDirectoryForCurrentUser.appending(path: ".cache")
        return base.appending(path: "percept")
    }
}
