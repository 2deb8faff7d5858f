import PerceptVulkan
import Testing

/// Planted mistakes are reported, so silence elsewhere means something.
@Suite(.enabled(if: SharedDevice.isPresent && Instance.canValidate)) struct ValidationTests {
    @Test func dispatchWithoutPipelineIsReported() throws {
        let messages = MessageLog()
        let device = try SharedDevice.open(messages: messages)
        let commands = try CommandBuffer(on: device)
        try commands.begin()
        commands.dispatch(1)
        let found = messages.take()
        #expect(found.contains { $0.severity == .error && $0.identifier.contains("vkCmdDispatch") }, "\(found)")
    }

    @Test func unsynchronisedCopiesAreReported() throws {
        let messages = MessageLog()
        let device = try SharedDevice.open(messages: messages)
        let source = try Buffer(on: device, size: 256, use: .device)
        let destination = try Buffer(on: device, size: 256, use: .device)
        let commands = try CommandBuffer(on: device)
        try commands.begin()
        commands.copy(from: source, to: destination, size: 256)
        commands.barrier(from: .transfer, to: .transfer)
        commands.copy(from: source, to: destination, size: 256)
        #expect(messages.take().isEmpty)
        commands.copy(from: source, offset: 128, to: destination, offset: 64, size: 64)
        let found = messages.take()
        #expect(found.contains { $0.identifier.contains("SYNC-HAZARD-WRITE-AFTER-WRITE") }, "\(found)")
    }
}
