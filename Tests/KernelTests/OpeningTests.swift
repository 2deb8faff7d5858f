import Foundation
import PerceptGraph
import PerceptRuntime
import PerceptVulkan
import TestSupport
import Testing

/// What a program does first.
@Suite("Opening a device")
struct OpeningTests {
    /// The rate, and what there is to be tried, are found out on the very device that is handed out.
    @Test("one thread and one cache of pipelines, measured or not")
    func once() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        let faults = FaultInjection()
        let instance = try Instance(faults: faults) { _ in }
        let uuid = try TestGPU.shared.get().device.physical.uuid
        let physical = try #require(instance.physicalDevices().first { $0.uuid == uuid })
        for time in 1...2 {
            let gpu = try OpenDevice.open(Device(instance, physical), cacheDirectory: folder)
            #expect(faults.callsMade["vkCreatePipelineCache"] == time)
            // The first time measures it; the second reads it.
            let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
            let kept = try String(contentsOf: #require(files.first { $0.pathExtension == "rate" }), encoding: .utf8)
            #expect(Double(kept) == gpu.profile.flopsPerSecond)
        }
        // What it was measured with.
        #expect(faults.callsMade["vkCreateComputePipelines"] == 1)
    }
}
