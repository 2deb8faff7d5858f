import Foundation
import Percept
import PerceptRuntime
import PerceptVulkan
import Testing

/// Vulkan calls that fail below the library: a typed error, nothing leaks, and the next call works.
@Suite(.serialized) struct DeviceFaultTests {
    /// What a program does with the library, each part at least once.
    private func work(_ encoder: PerceptionEncoder) async throws -> [Embedding] {
        let images = try [Image.waves(40, 30), .waves(64, 64), .waves(200, 100)]
        let all = try await encoder.embed(images, batch: 2)
        return all + (try await encoder.embed(texts: ["a", "b c d"]))
    }

    private func open(_ faults: FaultInjection) async throws -> PerceptionEncoder {
        try await PerceptionEncoder(.path(TestModel.clip.path), on: TestModel.privateGPU(faults: faults))
    }

    /// Every call of every kind that the work makes on an open device, failing once.
    @Test func everyCallFailsOnceAndTheNextWorks() async throws {
        let counting = FaultInjection()
        let reference = try await open(counting)
        let before = counting.callsMade
        let expected = try await work(reference)
        let calls = counting.callsMade.filter { $0.value > before[$0.key, default: 0] }
        #expect(calls.count > 10)
        let codes = [
            (VulkanError.outOfDeviceMemory, PerceptError.Code.temporary),
            (VulkanError.outOfHostMemory, .temporary), (VulkanError.deviceLost, .internalFault),
        ]
        for (call, total) in calls where call != "vkSetDebugUtilsObjectNameEXT" {
            let made = total - before[call, default: 0]
            for (index, occurrence) in Set([1, made / 2, made]).filter({ $0 > 0 }).sorted().enumerated() {
                let (code, expectedCode) = codes[index % codes.count]
                let faults = FaultInjection()
                let encoder = try await open(faults)
                faults.fail(call, occurrence: occurrence, with: code)
                let error = await perceptError { _ = try await work(encoder) }
                // Memory that is refused may come from another heap, or from programs that make room.
                if error != nil || code == VulkanError.deviceLost {
                    #expect(error?.code == expectedCode, "\(call) \(occurrence)")
                    #expect(error?.message.contains(call) == true, "\(call): \(error?.message ?? "none")")
                    #expect((error?.cause as? VulkanError)?.code == code)
                }
                #expect(try await work(encoder) == expected, "after \(call) \(occurrence)")
            }
        }
    }

    @Test func nothingLeaks() async throws {
        for call in ["vkQueueSubmit2", "vkWaitSemaphores", "vkAllocateMemory", "vkCreateComputePipelines"] {
            let faults = FaultInjection()
            do {
                let encoder = try await open(faults)
                faults.fail(call, occurrence: 2, with: VulkanError.deviceLost)
                _ = await perceptError { _ = try await work(encoder) }
                _ = try await work(encoder)
            }
            // The device goes with the last job of its thread.
            for _ in 0..<100 where faults.liveObjects > 0 { try await Task.sleep(for: .milliseconds(20)) }
            #expect(faults.liveObjects == 0, "after \(call)")
        }
    }

    /// A submission in several pieces of which a later one fails: the earlier ones must be over before the next run.
    @Test func aRunThatFailsHalfwayIsOverBeforeTheNext() async throws {
        let faults = FaultInjection()
        let instance = try Instance(faults: faults) { _ in }
        let device = try Device(
            instance,
            DeviceSelection.choose(
                from: instance.physicalDevices(), request: ProcessInfo.processInfo.environment["PERCEPT_DEVICE"]))
        let gpu = GPU(try OpenDevice(device, flopsPerSecond: 1e6))
        let image = try Image.waves(64, 48)
        let path = TestModel.clip.path
        let expected = try await PerceptionEncoder(.path(path), on: gpu).embed([image])
        let before = device.statistics.submissions
        let encoder = try await PerceptionEncoder(.path(path), on: gpu)
        try await encoder.prepare()
        let uploads = device.statistics.submissions - before
        #expect(try await encoder.embed([image]) == expected)
        let pieces = device.statistics.submissions - before - uploads
        #expect(pieces > 3)
        for piece in [pieces / 2, pieces - 1, pieces] {
            // Pieces go out one by one until it is known how short they are; the first submissions fill constants.
            let encoder = try await PerceptionEncoder(.path(path), on: gpu)
            try await encoder.prepare()
            faults.fail("vkQueueSubmit2", occurrence: piece, with: VulkanError.outOfHostMemory)
            #expect(await perceptError { _ = try await encoder.embed([image]) }?.code == .temporary)
            #expect(try await encoder.embed([image]) == expected)
        }
    }

    /// Work that exceeds the memory that is left: both sizes are named, and smaller work goes on.
    @Test func whatDoesNotFitIsRefusedWithItsSize() async throws {
        let faults = FaultInjection()
        let gpu = try TestModel.privateGPU(faults: faults)
        let encoder = try await PerceptionEncoder(.path(TestModel.clip.path), on: gpu, inputSize: (256, 256))
        let image = try Image.waves(300, 200)
        faults.memoryLimit = 30_000
        let weights = await perceptError { _ = try await encoder.embed([image]) }
        #expect(weights?.code == .temporary)
        faults.memoryLimit = 8 << 20
        let alone = try await encoder.embed([image])
        _ = try await encoder.embed([.waves(30, 20)], batch: 1)
        // A batch that does not fit is divided until it does.
        let batch = [Image](repeating: image, count: 64)
        for embedding in try await encoder.embed(batch, batch: 64) {
            #expect(Embedding.cosine(embedding, alone[0]) > 0.9999)
        }
        faults.memoryLimit = UInt64(await encoder.memoryUse.weights) + 300_000
        let error = await perceptError { _ = try await encoder.embed([.waves(1200, 1000)]) }
        #expect(error?.code == .temporary)
        #expect(error?.message.contains(/[0-9.]+ [KM]iB .* [0-9.]+ [KM]iB/) == true, "\(error?.message ?? "none")")
        faults.memoryLimit = 8 << 20
        #expect(gpu.runtime.device.memoryStatistics.peakBytes <= 8 << 20)
        #expect(try await encoder.embed([image]) == alone)
    }

    /// Programs of shapes that are not wanted now make room for one that is.
    @Test func programsMakeRoomForOneAnother() async throws {
        let faults = FaultInjection()
        let gpu = try TestModel.privateGPU(faults: faults)
        let encoder = try await PerceptionEncoder(.path(TestModel.clip.path), on: gpu, inputSize: (128, 128))
        let image = try Image.waves(300, 200)
        let expected = try await encoder.embed([image])
        let use = await encoder.memoryUse
        // Room for one program and a half.
        faults.memoryLimit = UInt64(use.weights + use.programs * 3 / 2)
        for _ in 0..<3 {
            _ = try await encoder.features(image)
            #expect(try await encoder.embed([image]) == expected)
        }
    }

    /// So do those of another model on the device.
    @Test func modelsMakeRoomForOneAnother() async throws {
        let faults = FaultInjection()
        let gpu = try TestModel.privateGPU(faults: faults)
        let source = ModelSource.path(TestModel.clip.path)
        let first = try await PerceptionEncoder(source, on: gpu, inputSize: (128, 128))
        let second = try await PerceptionEncoder(source, on: gpu, inputSize: (128, 128))
        let image = try Image.waves(300, 200)
        let expected = try await first.embed([image])
        let use = await first.memoryUse
        // Room for the weights of both, and for one program and a half.
        faults.memoryLimit = UInt64(2 * use.weights + use.programs * 3 / 2)
        for _ in 0..<3 {
            #expect(try await second.embed([image]) == expected)
            #expect(await first.memoryUse.programs == 0)
            #expect(try await first.embed([image]) == expected)
            #expect(await second.memoryUse.programs == 0)
        }
    }

    @Test func cancellingEndsBetweenBatches() async throws {
        let encoder = try await PerceptionEncoder(.path(TestModel.clip.path), on: TestModel.gpu())
        let image = try Image.waves(300, 200)
        _ = try await encoder.embed([image], batch: 1)
        let task = Task { try await encoder.embed([Image](repeating: image, count: 1_000_000), batch: 1) }
        try await Task.sleep(for: .milliseconds(100))
        let start = ContinuousClock.now
        task.cancel()
        let error = await perceptError { _ = try await task.value }
        #expect(error?.code == .cancelled && error?.cause is CancellationError)
        #expect(ContinuousClock.now - start < .seconds(2))
        // Cancelled while the weights are uploaded: the next call uploads the rest.
        let fresh = try await PerceptionEncoder(.path(TestModel.clip.path), on: TestModel.gpu()) { _ in
            withUnsafeCurrentTask { $0?.cancel() }
        }
        #expect(await perceptError { _ = try await Task { try await fresh.embed([image]) }.value }?.code == .cancelled)
    }
}
