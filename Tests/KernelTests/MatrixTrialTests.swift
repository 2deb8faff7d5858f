import Foundation
import PerceptGraph
import PerceptRuntime
import PerceptShaders
import TestSupport
import Testing

/// What a device must show before products and attention go to its matrix units.
@Suite("Trial of matrix units", .enabled(if: MatrixGPU.isTested, "the device has no matrix units"))
struct MatrixTrialTests {
    @Test("every kernel passes the checks")
    func checks() throws {
        for kernel in try #require(MatrixGPU.units).kernels {
            let profile = try MatrixGPU.profile(only: kernel)
            let fault = try TestGPU.run { gpu in try MatrixTrial.fault(of: kernel, on: profile, gpu) }
            #expect(fault == nil, "\(kernel.name)")
        }
    }

    @Test("a verdict is kept, decides, and is found anew for another build")
    func verdicts() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
        defer { try? FileManager.default.removeItem(at: folder) }
        try TestGPU.run { gpu in
            let first = try OpenDevice.open(gpu.device, cacheDirectory: folder)
            let product = Catalog.matmulMatrix[.plain].name
            let verdict = try #require(first.matrixVerdicts[product])
            switch verdict {
            case .faster(let times): #expect(times > 1)
            case .slower(let times): #expect(times > 0 && times <= 1)
            case .wrong, .failed, .untried: Issue.record("\(verdict)")
            }
            #expect(
                (first.profile.matrixUnits?.kernels.contains(Catalog.matmulMatrix[.plain]) ?? false) == verdict.isUsed)

            // What the file says is believed as long as it was made with these modules.
            let file = try #require(
                try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil).first {
                    $0.pathExtension == "matrix"
                })
            struct Record: Codable {
                var build: UInt64
                var verdicts: [String: MatrixVerdict]
            }
            var record = try JSONDecoder().decode(Record.self, from: Data(contentsOf: file))
            for planted in [MatrixVerdict.faster(times: 1000), .wrong(error: 1000)] {
                for name in record.verdicts.keys { record.verdicts[name] = planted }
                try JSONEncoder().encode(record).write(to: file)
                let again = try OpenDevice.open(gpu.device, cacheDirectory: folder)
                #expect(again.matrixVerdicts[product] == planted)
                #expect((again.profile.matrixUnits == nil) == !planted.isUsed)
            }
            record.build ^= 1
            try JSONEncoder().encode(record).write(to: file)
            let rebuilt = try OpenDevice.open(gpu.device, cacheDirectory: folder)
            #expect(rebuilt.matrixVerdicts[product] != .wrong(error: 1000))
        }
    }
}
