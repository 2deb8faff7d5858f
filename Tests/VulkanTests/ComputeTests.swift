import Foundation
import PerceptVulkan
import Testing

extension VulkanRoom {
    @Suite struct ComputeTests {
        @Test(arguments: [1, 63, 64, 65, 1000, 100_003])
        func shaderReachesBuffersByAddress(count: Int) throws {
            let device = try SharedDevice.device
            let pipeline = try ShaderPipeline.triple(on: device, factor: 3, offset: 7)
            let upload = try Buffer(on: device, size: count * 4, use: .upload)
            let source = try Buffer(on: device, size: count * 4, use: .device)
            let destination = try Buffer(on: device, size: count * 4, use: .device)
            let readback = try Buffer(on: device, size: count * 4, use: .readback)
            try upload.fillWords(count) { UInt32($0) }

            let commands = try CommandBuffer(on: device, label: "triple")
            try commands.begin()
            commands.beginLabel("triple")
            commands.copy(from: upload, to: source, size: count * 4)
            commands.barrier(from: .transfer, to: .compute)
            commands.bind(pipeline)
            commands.triple(from: source, to: destination, count: count)
            commands.barrier(from: .compute, to: .transfer)
            commands.copy(from: destination, to: readback, size: count * 4)
            commands.barrier(from: .transfer, to: .host)
            commands.endLabel()
            try commands.end()
            let submission = try device.queue.submit([commands])
            #expect(try device.queue.wait(for: submission))
            #expect(try readback.words(count) == (0..<count).map { UInt32($0) * 3 + 7 })
            #expect(source.address.isMultiple(of: 256) && destination.address.isMultiple(of: 256))
        }
    }
}

extension ShaderPipeline {
    static func triple(
        on device: Device, factor: UInt32, offset: UInt32 = 0, subgroupSize: Int? = nil, cache: PipelineCache? = nil,
        captures: PipelineCaptures = []
    ) throws -> ShaderPipeline {
        try TripleShader.spirv.withUnsafeBytes { bytes in
            try ShaderPipeline(
                on: device, spirv: bytes, constants: [factor, offset], subgroupSize: subgroupSize, cache: cache,
                captures: captures, label: "triple")
        }
    }
}

extension CommandBuffer {
    /// Dispatches the bound triple pipeline over `count` words.
    func triple(from source: Buffer, to destination: Buffer, count: Int) {
        keepAlive(source)
        keepAlive(destination)
        push(TripleShader.Constants(source: source.address, destination: destination.address, count: UInt32(count)))
        let group = TripleShader.workgroupSize
        dispatch((count + group - 1) / group)
    }
}

extension Buffer {
    func fillWords(_ count: Int, _ word: (Int) -> UInt32) throws {
        let words = try #require(mapped).bindMemory(to: UInt32.self, capacity: count)
        for index in 0..<count { words[index] = word(index) }
        try flush()
    }

    func words(_ count: Int) throws -> [UInt32] {
        try invalidate()
        let words = try #require(mapped).bindMemory(to: UInt32.self, capacity: count)
        return Array(UnsafeBufferPointer(start: words, count: count))
    }
}
