import Foundation
import Percept
import PerceptCheckpoint
import PerceptRuntime
import PerceptVulkan
import TestSupport

/// The tiny model of `Fixtures/pe/files`, changed as a test wants it: two blocks of width 32 over patches of 8, a text
/// tower with one.
enum TestModel {
    static let files = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/pe/files")
    static let media = files.deletingLastPathComponent().deletingLastPathComponent().appending(path: "media")
    static let clip = files.appending(path: "clip.pt")

    /// The device all tests share.
    static func gpu() throws -> GPU { GPU(try TestGPU.shared.get()) }

    /// A device of the test's own, for counters that nobody else moves and faults that nobody else meets.
    static func privateGPU(
        faults: FaultInjection = FaultInjection(), replacesKernels: Bool = false
    ) throws -> GPU {
        let instance = try Instance(faults: faults) { _ in }
        let physical = try DeviceSelection.choose(
            from: instance.physicalDevices(), request: ProcessInfo.processInfo.environment["PERCEPT_DEVICE"])
        return GPU(
            try OpenDevice(try Device(instance, physical), replacesKernels: replacesKernels))
    }

    /// Writes the model into `directory` as safetensors and its JSON, each tensor as `change` leaves it.
    ///
    /// - Parameter change: nil drops a tensor.
    static func write(
        to directory: URL, change: (_ name: String, _ shape: [Int], _ values: [Float]) -> ([Int], [Float])?
    ) throws -> URL {
        var writer = SafetensorsWriter()
        for tensor in try Checkpoint(contentsOf: clip.path).tensors {
            guard let (shape, values) = change(tensor.name, tensor.shape, try tensor.values()) else { continue }
            writer.add(tensor.name, shape, values)
        }
        let file = directory.appending(path: "changed.safetensors")
        try writer.write(to: file.path)
        try Data(contentsOf: files.appending(path: "clip.json"))
            .write(to: directory.appending(path: "changed.json"))
        return file
    }
}

/// A folder that goes with the closure.
func withTemporaryDirectory<T>(_ body: (URL) async throws -> T) async throws -> T {
    let directory = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    return try await body(directory)
}

extension Image {
    /// A picture by formula, as a BMP in memory: colour waves that differ with `seed`.
    static func waves(_ width: Int, _ height: Int, seed: Int = 0) throws -> Image {
        func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 0xFF) } }
        let stride = (3 * width + 3) / 4 * 4
        var bytes = Array("BM".utf8) + little(54 + stride * height, 4) + little(0, 4) + little(54, 4)
        bytes += little(40, 4) + little(width, 4) + little(height, 4) + little(1, 2) + little(24, 2) + little(0, 4)
        bytes += little(stride * height, 4) + little(2835, 4) + little(2835, 4) + little(0, 8)
        for row in 0..<height {
            for column in 0..<width {
                let (x, y) = (column * 256 / width, row * 256 / height)
                bytes.append(UInt8(truncatingIfNeeded: x * (seed + 1) + y))
                bytes.append(UInt8(truncatingIfNeeded: (x ^ y) + 31 * seed))
                bytes.append(UInt8(truncatingIfNeeded: y * (seed % 5 + 1) &- x))
            }
            bytes += [UInt8](repeating: 0, count: stride - 3 * width)
        }
        return try Image(data: bytes, name: "waves \(width) x \(height)")
    }
}

extension Embedding {
    var isFinite: Bool { values.allSatisfy(\.isFinite) }
}

/// Relative difference of two vectors: |a - b| / |b|.
func relativeDifference(_ a: [Float], _ b: [Float]) -> Double {
    let difference = zip(a, b).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
    let length = b.reduce(0.0) { $0 + Double($1) * Double($1) }
    return a.count == b.count ? (difference / max(length, 1e-30)).squareRoot() : .infinity
}

/// What `body` throws, if it is a `PerceptError`.
func perceptError(_ body: () async throws -> Void) async -> PerceptError? {
    do { try await body() } catch { return error as? PerceptError }
    return nil
}
