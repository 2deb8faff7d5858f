import PerceptVulkan
import Synchronization
import Testing

/// The tests that need a device; they share one, opened with validation where the layers are installed.
@Suite(.serialized, .validated, .enabled(if: SharedDevice.isPresent))
enum VulkanRoom {}

enum SharedDevice {
    /// A loader and a driver with at least one device are there.
    static let isPresent: Bool = {
        guard let instance = try? Instance(onMessage: { _ in }) else { return false }
        return (try? instance.physicalDevices().isEmpty) == false
    }()

    /// What the layers said about the shared device.
    static let messages = MessageLog()

    private static let opened = Result { try open(messages: messages) }

    static var device: Device {
        get throws { try opened.get() }
    }

    static func open(
        messages: MessageLog, faults: FaultInjection = FaultInjection(), validation: Bool = Instance.canValidate
    ) throws -> Device {
        let instance = try Instance(validation: validation, faults: faults) { messages.append($0) }
        return try Device(instance, DeviceSelection.choose(from: instance.physicalDevices()))
    }
}

/// Messages gathered from any thread.
final class MessageLog: Sendable {
    private let messages = Mutex<[ValidationMessage]>([])

    func append(_ message: ValidationMessage) { messages.withLock { $0.append(message) } }

    /// What came since the last call.
    func take() -> [ValidationMessage] {
        messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }
}

/// Fails the suite when the shared device drew a message.
struct ValidatedTrait: SuiteTrait, TestScoping {
    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
    ) async throws {
        try await function()
        for message in SharedDevice.messages.take() {
            Issue.record("unexpected validation message \(message.identifier): \(message.text)")
        }
    }
}

extension Trait where Self == ValidatedTrait {
    static var validated: Self { Self() }
}
