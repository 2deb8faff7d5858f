import Foundation
import PerceptGraph
package import PerceptRuntime
import PerceptShaders
package import PerceptVulkan
import Synchronization

/// The device that tests run on: `PERCEPT_DEVICE`, or the best there is, with the validation layers on if
/// `PERCEPT_VALIDATION` says so; `required` fails where they are not installed.
package enum TestGPU {
    /// Why a test that computed what it should fails all the same.
    package enum Failure: Error, CustomStringConvertible {
        /// `PERCEPT_VALIDATION` is `required`.
        case layersMissing
        /// The validation layers had something to say while the body ran.
        case validation([ValidationMessage])

        package var description: String {
            switch self {
            case .layersMissing: "PERCEPT_VALIDATION=required, but the Khronos validation layer is not installed"
            case .validation(let messages):
                messages.map { "\($0.severity) \($0.identifier): \($0.text)" }.joined(separator: "\n")
            }
        }
    }

    /// Messages of the validation layers since the process started.
    package static let messages = Messages()

    package final class Messages: Sendable {
        private let collected = Mutex<[ValidationMessage]>([])

        package init() {}

        package var all: [ValidationMessage] { collected.withLock { $0 } }
        package func append(_ message: ValidationMessage) { collected.withLock { $0.append(message) } }

        /// Throws what arrives while `body` runs.
        package func expectingNone<T>(
            from start: Int? = nil, _ body: () throws -> sending T
        ) throws -> sending T {
            let before = start ?? all.count
            let result = try body()
            let new = all.dropFirst(before)
            guard new.isEmpty else { throw Failure.validation(Array(new)) }
            return result
        }
    }

    private static let environment = ProcessInfo.processInfo.environment

    /// Whether the layers are to be switched on.
    ///
    /// - Parameter request: what `PERCEPT_VALIDATION` says.
    package static func validation(request: String?, canValidate: Bool) throws(Failure) -> Bool {
        if request == "required" && !canValidate { throw .layersMissing }
        return ["1", "required"].contains(request) && canValidate
    }

    package static let shared: Result<OpenDevice, any Error> = Result {
        let validates = try validation(
            request: environment["PERCEPT_VALIDATION"], canValidate: Instance.canValidate)
        let instance = try Instance(validation: validates) { messages.append($0) }
        let physical = try DeviceSelection.choose(
            from: instance.physicalDevices(), request: environment["PERCEPT_DEVICE"])
        let device = try Device(instance, physical)
        // Asked for, matrix units are used whether or not they are fast.
        let kernels = MatrixGPU.isRequired ? MatrixUnits(physical)?.kernels ?? [] : []
        return try OpenDevice(
            device,
            matrixVerdicts: Dictionary(uniqueKeysWithValues: kernels.map { ($0.name, .faster(times: 1)) }))
    }

    private static let isTaken = Mutex(false)

    /// Runs `body` with the device on the calling thread; one such test at a time.
    ///
    /// Encoders of other tests may run meanwhile on the device's thread. That is sound: what Vulkan wants one caller for
    /// is the queue, which has a lock, and command buffers, of which each program has its own with their pools. Counters
    /// of the device are shared, so tests that compare them open a device of their own.
    ///
    /// - Throws: what `body` throws, or the messages of the validation layers that came while it ran.
    package static func run<T>(_ body: (OpenDevice) throws -> sending T) throws -> sending T {
        while !take() { usleep(1000) }
        defer { isTaken.withLock { $0 = false } }
        let gpu = try shared.get()
        return try messages.expectingNone { try body(gpu) }
    }

    /// The same for work that goes out by turns.
    package static func runByTurns<T: Sendable>(_ body: (OpenDevice) async throws -> T) async throws -> T {
        while !take() { try await Task.sleep(for: .milliseconds(1)) }
        defer { isTaken.withLock { $0 = false } }
        let gpu = try shared.get()
        let before = messages.all.count
        let result = try await body(gpu)
        return try messages.expectingNone(from: before) { result }
    }

    private static func take() -> Bool {
        isTaken.withLock { isTaken in
            defer { isTaken = true }
            return !isTaken
        }
    }
}
