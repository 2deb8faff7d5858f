import PerceptRuntime
import PerceptShaders

/// What trying a kernel on a device's matrix units has shown.
public struct MatrixUnitsReport: Sendable, Hashable {
    /// The kernel's name in the table of kernels.
    public let kernel: String
    /// Whether it serves on this device.
    public let isUsed: Bool
    /// How fast it is, or what is wrong with it.
    public let finding: String
    /// Whether it computes wrongly or not at all, rather than slowly.
    public let isFault: Bool
}

extension GPU {
    /// Kernels for matrix units, tried when the device was opened first; empty where it has none that they use.
    public var matrixUnits: [MatrixUnitsReport] {
        runtime.matrixVerdicts.sorted { $0.key < $1.key }.map { kernel, verdict in
            let (finding, isFault): (String, Bool) =
                switch verdict {
                case .faster(let times): ("\(times.tenths) times as fast as the portable kernel", false)
                case .slower(let times):
                    ("\(times.tenths) times as fast as the portable kernel, which stands in", false)
                case .wrong(let error): ("off by \(error) of the largest element", true)
                case .failed(let reason): (reason, true)
                case .untried: ("not tried, since the product is not used", false)
                }
            return MatrixUnitsReport(kernel: kernel, isUsed: verdict.isUsed, finding: finding, isFault: isFault)
        }
    }
}

/// Kernels of the catalog that do not serve, whatever the device.
public enum KernelReport {
    /// Those whose prebuilt module was missing or out of date when Percept was built.
    public static var leftOut: [String] { Catalog.carried.filter { !ShaderSource.has($0) }.map(\.name) }
    /// Kernels that no driver has been seen to run: left out until a result from a real device shows them right.
    public static var unproven: [String] { Catalog.all.filter(\.isParked).map(\.name) }
}

extension Double {
    fileprivate var tenths: Double { (self * 10).rounded() / 10 }
}
