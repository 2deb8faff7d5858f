import Foundation
import Percept
import PerceptRuntime
import PerceptVulkan
import Testing

/// What a long run costs once everything has been recorded.
@Suite(.serialized) struct SteadyStateTests {
    /// Twenty sizes, portrait and landscape, none larger than 320 x 240.
    private static let sizes = (0..<20).map { index -> (width: Int, height: Int) in
        if index.isMultiple(of: 2) { return (320 - 13 * index, 240 - 9 * index) }
        return (240 - 11 * index, 320 - 14 * index)
    }

    /// In a process of its own: other tests would move the resident memory.
    @Test func twoHundredImagesAllocateAndRecordNothing() async throws {
        await #expect(processExitsWith: .success) {
            let gpu = try TestModel.privateGPU()
            let encoder = try await PerceptionEncoder(.path(TestModel.clip.path), on: gpu)
            _ = try await encoder.embed([.waves(320, 240)])
            let memory = gpu.runtime.device.memoryStatistics
            let recorded = gpu.runtime.device.statistics.recordedCommandBuffers
            // Decoded beforehand: what the decoder's allocator keeps is not the encoder's.
            let images = try Self.sizes.enumerated().map { try Image.waves($1.width, $1.height, seed: $0) }
            var resident: [Int] = []
            for index in 0..<200 {
                _ = try await encoder.embed([images[index % images.count]])
                resident.append(try residentBytes())
            }
            let after = gpu.runtime.device.memoryStatistics
            #expect(after.memoryAllocations == memory.memoryAllocations)
            #expect(after.allocations == memory.allocations)
            #expect(after.bytes == memory.bytes && after.peakBytes == memory.peakBytes)
            #expect(gpu.runtime.device.statistics.recordedCommandBuffers == recorded)
            let (last, before) = (resident[150...].max() ?? 0, resident[100..<150].max() ?? 0)
            #expect(abs(last - before) <= 2 << 20, "\(before) bytes, then \(last)")
        }
    }

    /// The same with what a program does: files are decoded, clips and texts embedded, labels compared.
    @Test func decodingAndTextsDoNotGrow() async throws {
        await #expect(processExitsWith: .success) {
            let gpu = try TestModel.privateGPU()
            let encoder = try await PerceptionEncoder(.path(TestModel.clip.path), on: gpu)
            let photo = TestModel.media.appending(path: "chelsea.jpg")
            func round() async throws {
                let image = try Image(contentsOf: photo)
                let labels = try await encoder.embed(texts: ["a cat", "a longer text with several words"])
                _ = try await encoder.classify([image], labels: labels)
                _ = try await encoder.features(image)
            }
            for _ in 0..<20 { try await round() }
            let memory = gpu.runtime.device.memoryStatistics
            let recorded = gpu.runtime.device.statistics.recordedCommandBuffers
            let resident = try residentBytes()
            for _ in 0..<50 { try await round() }
            #expect(gpu.runtime.device.memoryStatistics == memory)
            #expect(gpu.runtime.device.statistics.recordedCommandBuffers == recorded)
            #expect(try residentBytes() - resident <= 4 << 20)
        }
    }

    /// Device memory is what the encoder says it is, up to the alignment of each buffer.
    @Test func memoryUseIsTrue() async throws {
        let gpu = try TestModel.privateGPU()
        let encoder = try await PerceptionEncoder(.path(TestModel.clip.path), on: gpu)
        let image = try Image.waves(100, 80)
        _ = try await encoder.embed([image, image, image], batch: 2)
        _ = try await encoder.embed(texts: ["a", "b c"])
        let use = await encoder.memoryUse
        let statistics = gpu.runtime.device.memoryStatistics
        let said = UInt64(use.weights + use.programs)
        #expect(statistics.bytes >= said)
        #expect(statistics.bytes - said <= UInt64(statistics.allocations) * 512)
        // Larger images replace the program of smaller ones.
        _ = try await encoder.embed([.waves(1000, 800)])
        #expect(gpu.runtime.device.memoryStatistics.allocations == statistics.allocations)
    }
}

/// Resident memory of the process (`VmRSS`).
func residentBytes() throws -> Int {
    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return (Int(pages[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))
}
