package import PerceptGraph
import PerceptVulkan

/// What a driver's compiler made of a dispatch's kernel; numbers are nil where the driver does not say.
package struct CompiledCode: Sendable {
    /// How long the driver took.
    package let seconds: Double
    /// All numbers, under the driver's own names.
    package let values: [(name: String, value: Double)]
    /// Registers that a lane, or on Intel a subgroup, needs.
    package let registers: Int?
    /// Values that did not fit the registers, or instructions that store such.
    package let spills: Int?
    /// Bytes of memory that stands in for registers.
    package let scratchBytes: Int?
    /// Bytes of shared memory of a workgroup.
    package let sharedBytes: Int?
    /// Bytes of machine code.
    package let codeBytes: Int?
    /// Subgroups that a processor's unit holds at a time.
    package let subgroupsPerUnit: Int?
    /// The compiler's stages as text, if they were asked for and are shown.
    package let stages: [(name: String, text: String)]

    fileprivate init(_ pipeline: ShaderPipeline, seconds: Double, withStages: Bool) throws {
        let statistics = try pipeline.statistics()
        self.seconds = seconds
        values = statistics.values.map { ($0.name, $0.value) }
        registers = statistics.registers
        spills = statistics.spills
        scratchBytes = statistics.scratchBytes
        sharedBytes = statistics.sharedBytes
        codeBytes = statistics.codeBytes
        subgroupsPerUnit = statistics.subgroupsPerUnit
        stages =
            withStages
            ? try pipeline.representations().compactMap { stage in stage.text.map { (stage.name, $0) } } : []
    }
}

/// What a workbench of kernels needs of a device, which asks for no model.
extension OpenDevice {
    /// Opens a device to run kernels on, and keeps nothing on disk.
    ///
    /// - Parameters:
    ///   - request: an index, a UUID or a part of a name; nil takes the best.
    ///   - isTried: whether something runs on it at once, which shows its rate and whether its matrix units serve.
    package static func open(_ request: String?, isTried: Bool) throws -> OpenDevice {
        let instance = try Instance { _ in }
        let device = try Device(
            instance, try DeviceSelection.choose(from: instance.physicalDevices(), request: request))
        return isTried ? try open(device, cacheDirectory: nil) : try OpenDevice(device)
    }

    /// What the driver calls the device.
    package var name: String { device.physical.name }
    /// Name and version of the driver.
    package var driver: String { "\(device.physical.driverName) \(device.physical.driverInfo)" }

    /// What the device's matrix units offer, whether or not they have shown to serve; nil if nothing.
    ///
    /// - Parameter parked: also counts kernels that no driver has been seen to run.
    package func matrixUnits(parked: Bool = false) -> MatrixUnits? { MatrixUnits(device.physical, parked: parked) }

    /// Compiles a dispatch's kernel anew, and says what became of it.
    ///
    /// - Parameter withStages: also keeps what the compiler made of it stage by stage.
    package func code(of dispatch: Dispatch, withStages: Bool) throws -> CompiledCode {
        let clock = ContinuousClock()
        let start = clock.now
        let pipeline = try compile(dispatch, capturing: withStages ? [.statistics, .representations] : .statistics)
        let seconds = (clock.now - start) / .seconds(1)
        return try CompiledCode(pipeline, seconds: seconds, withStages: withStages)
    }
}
