import Foundation
package import PerceptRuntime
package import PerceptVulkan
import Synchronization

/// The device that tests run on: `PERCEPT_DEVICE`, or the best there is, with the validation layers on if
/// `PERCEPT_VALIDATION` says so.
package enum TestGPU {
    /// Messages of the validation layers since the process started.
    package static let messages = Messages()

    package final class Messages: Sendable {
        private let collected = Mutex<[ValidationMessage]>([])

        package var all: [ValidationMessage] { collected.withLock { $0 } }
        func append(_ message: ValidationMessage) { collected.withLock { $0.append(message) } }
    }

    private static let environment = ProcessInfo.processInfo.environment
    package static let validates = ["1", "required"].contains(environment["PERCEPT_VALIDATION"] ?? "")

    package static let shared: Result<GPU, any Error> = Result {
        let instance = try Instance(validation: validates && Instance.canValidate) { messages.append($0) }
        let physical = try DeviceSelection.choose(
            from: instance.physicalDevices(), request: environment["PERCEPT_DEVICE"])
        return try GPU(try Device(instance, physical))
    }

    private static let turn = Mutex(())

    /// Runs `body` with the device; one test at a time, since Vulkan wants one caller.
    package static func run<T>(_ body: (GPU) throws -> sending T) throws -> sending T {
        try turn.withLock { _ in try body(try shared.get()) }
    }
}
