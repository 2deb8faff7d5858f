import Foundation
import PerceptVulkan
import Testing

extension VulkanRoom {
    @Suite struct PipelineTests {
        @Test func cacheOutlivesItsDevice() throws {
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let device = try SharedDevice.device
            let cache = try PipelineCache(on: device, directory: directory)
            _ = try ShaderPipeline.triple(on: device, factor: 3, cache: cache)
            #expect(cache.save() == nil)
            let stored = try Data(contentsOf: URL(fileURLWithPath: cache.path))
            #expect(stored.count >= 16 + 32)
            #expect(PipelineCache.payload(of: [UInt8](stored)) != nil)
            _ = try ShaderPipeline.triple(
                on: device, factor: 3, cache: PipelineCache(on: device, directory: directory))
        }

        @Test(arguments: [0, 7, 16, 30])
        func damagedFilesAreIgnored(kept: Int) throws {
            let directory = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
            defer { try? FileManager.default.removeItem(atPath: directory) }
            let device = try SharedDevice.device
            let cache = try PipelineCache(on: device, directory: directory)
            #expect(cache.save() == nil)
            let whole = try Data(contentsOf: URL(fileURLWithPath: cache.path))
            try whole.prefix(kept).write(to: URL(fileURLWithPath: cache.path))
            _ = try PipelineCache(on: device, directory: directory)
            var file = [UInt8](whole)
            file[file.count - 1] ^= 1
            #expect(PipelineCache.payload(of: file) == nil)
        }

        @Test func anUnwritableDirectoryIsReported() throws {
            let cache = try PipelineCache(on: SharedDevice.device, directory: "/proc/nowhere")
            #expect(cache.save() != nil)
        }

        @Test(.enabled(if: (try? SharedDevice.device.physical.limits.canRequireSubgroupSize) == true))
        func subgroupSizeCanBeRequired() throws {
            let device = try SharedDevice.device
            for size in [device.physical.limits.minSubgroupSize, device.physical.limits.maxSubgroupSize] {
                _ = try ShaderPipeline.triple(on: device, factor: 1, subgroupSize: size)
            }
        }
    }
}
