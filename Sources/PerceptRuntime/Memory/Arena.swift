import PerceptVulkan

/// Device memory for what programs compute on their way, shared by programs that run one after another.
///
/// A run begins with a barrier against all that was submitted before it (`Plan.commands`), so such programs may follow
/// each other without the host's waiting; and none leaves anything there for its next run.
package final class Arena {
    package let byteCount: Int
    let buffer: Buffer

    /// - Parameter byteCount: what the largest of the programs needs.
    package init(byteCount: Int, on gpu: OpenDevice) throws {
        let available = gpu.device.availableMemory()
        guard byteCount <= available else {
            throw RuntimeError.memory(needed: UInt64(byteCount), available: available)
        }
        self.byteCount = byteCount
        buffer = try Buffer(on: gpu.device, size: max(byteCount, 256), use: .device, label: "arena")
    }
}
