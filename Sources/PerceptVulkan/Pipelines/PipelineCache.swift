import CPerceptVulkan
import Foundation
import PerceptFiles
import Synchronization

/// Compiled pipelines kept on disk: one file for each device and driver version.
package final class PipelineCache: Sendable {
    /// The file, in the directory given.
    package let path: String
    let handle: Handle
    private let device: LogicalDevice
    /// The checksum of what the file held when it was read or last written.
    private let kept: Mutex<UInt64>

    init(_ logical: LogicalDevice, directory: String) throws(VulkanError) {
        let physical = logical.physical
        let name = "\(physical.uuid)-\(String(physical.driverVersion, radix: 16)).pipelines"
        path = URL(fileURLWithPath: directory).appendingPathComponent(name).path
        let stored: [UInt8] = FileManager.default.contents(atPath: path).flatMap { Self.payload(of: [UInt8]($0)) } ?? []
        handle = try stored.withUnsafeBufferPointer { stored throws(VulkanError) in
            var info = VkPipelineCacheCreateInfo()
            info.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO
            info.initialDataSize = stored.count
            info.pInitialData = UnsafeRawPointer(stored.baseAddress)
            return try logical.create("vkCreatePipelineCache") {
                logical.functions.createPipelineCache(logical.handle.raw, &info, nil, $0)
            }
        }
        self.device = logical
        kept = Mutex(Self.checksum(stored[...]))
    }

    deinit {
        device.functions.destroyPipelineCache(device.handle.raw, handle.raw, nil)
        device.faults.destroyed()
    }

    /// Writes the cache beside its file and moves it into place, making the directory where needed; writes nothing where
    /// the driver has nothing to keep that the file did not hold.
    ///
    /// - Returns: why it could not be written, for a warning; a cache that cannot be kept only costs time.
    package func save() -> (any Error)? {
        do {
            let contents = try contents()
            let sum = Self.checksum(contents[...])
            guard kept.withLock({ $0 != sum }) || !FileManager.default.fileExists(atPath: path) else { return nil }
            let bytes = Self.file(with: contents)
            try FileManager.default.createDirectory(
                at: URL(fileURLWithPath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
            try NewFile.write(bytes, to: path, as: .cache)
            kept.withLock { $0 = sum }
            return nil
        } catch {
            return error
        }
    }

    /// What the driver would like to keep.
    func contents() throws(VulkanError) -> [UInt8] {
        while true {
            var size = 0
            try device.check("vkGetPipelineCacheData") {
                device.functions.getPipelineCacheData(device.handle.raw, handle.raw, &size, nil)
            }
            var bytes = [UInt8](repeating: 0, count: size)
            let result = try device.check("vkGetPipelineCacheData") {
                device.functions.getPipelineCacheData(device.handle.raw, handle.raw, &size, &bytes)
            }
            // Pipelines made in between need more room.
            if result != VK_INCOMPLETE { return Array(bytes.prefix(size)) }
        }
    }

    // Drivers check the header of what they are given, not the body; a checksum keeps a torn file from them.
    private static let magic = Array("PRCPTPC1".utf8)

    static func file(with payload: [UInt8]) -> [UInt8] {
        magic + withUnsafeBytes(of: checksum(payload[...]).littleEndian) { Array($0) } + payload
    }

    package static func payload(of file: [UInt8]) -> [UInt8]? {
        guard file.count >= 16, Array(file[..<8]) == magic else { return nil }
        let payload = file[16...]
        let sum = file[8..<16].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return sum == checksum(payload) ? Array(payload) : nil
    }

    /// FNV-1a, 64 bits.
    private static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}
