import Glibc

extension EnergyMeter {
    /// What NVIDIA's management library (NVML), which comes with its driver, says of a board: energy since Volta, power
    /// before.
    ///
    /// - Parameters:
    ///   - pciAddress: such as `0000:03:00.0`.
    ///   - library: its name for the dynamic linker, or a path.
    package static func nvidia(pciAddress: String, library: String = "libnvidia-ml.so.1") -> EnergyMeter? {
        guard let board = ManagedBoard(pciAddress: pciAddress, library: library) else { return nil }
        if board.joules() != nil {
            return EnergyMeter("the board (NVML)") {
                guard let start = board.joules() else { return nil }
                return { board.joules().map { $0 - start } }
            }
        }
        guard board.watts() != nil else { return nil }
        return sampled("the board (NVML, power read every \(PowerSum.interval))") { board.watts() }
    }
}

/// A board that NVML answers for. The library stays loaded: its own threads may run.
private struct ManagedBoard: Sendable {
    private typealias Initialise = @convention(c) () -> Int32
    private typealias Find = @convention(c) (UnsafePointer<CChar>, UnsafeMutablePointer<UInt>) -> Int32
    private typealias ReadEnergy = @convention(c) (UInt, UnsafeMutablePointer<UInt64>) -> Int32
    private typealias ReadPower = @convention(c) (UInt, UnsafeMutablePointer<UInt32>) -> Int32

    /// NVML's own handle.
    private let handle: UInt
    private let readEnergy: ReadEnergy?
    private let readPower: ReadPower?

    init?(pciAddress: String, library: String) {
        guard let opened = dlopen(library, RTLD_NOW | RTLD_LOCAL) else { return nil }
        func function<Function>(_ name: String, _: Function.Type) -> Function? {
            dlsym(opened, name).map { unsafeBitCast($0, to: Function.self) }
        }
        var handle: UInt = 0
        guard let initialise = function("nvmlInit_v2", Initialise.self),
            let find = function("nvmlDeviceGetHandleByPciBusId_v2", Find.self), initialise() == 0,
            find(pciAddress, &handle) == 0
        else { return nil }
        self.handle = handle
        readEnergy = function("nvmlDeviceGetTotalEnergyConsumption", ReadEnergy.self)
        readPower = function("nvmlDeviceGetPowerUsage", ReadPower.self)
    }

    /// Since the driver was loaded.
    func joules() -> Double? {
        var millijoules: UInt64 = 0
        return readEnergy?(handle, &millijoules) == 0 ? Double(millijoules) * 1e-3 : nil
    }

    func watts() -> Double? {
        var milliwatts: UInt32 = 0
        return readPower?(handle, &milliwatts) == 0 ? Double(milliwatts) * 1e-3 : nil
    }
}
