import Foundation
import Percept
import Testing

/// Energy from files laid out as Linux' powercap shows them.
@Suite("Energy counter")
struct EnergyCounterTests {
    private func write(_ name: String, _ energy: Int, range: Int = 1_000_000, in directory: URL) throws {
        let folder = directory.appending(path: name)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data("\(energy)\n".utf8).write(to: folder.appending(path: "energy_uj"))
        try Data("\(range)\n".utf8).write(to: folder.appending(path: "max_energy_range_uj"))
    }

    @Test("packages add up, their parts do not, and counters start anew")
    func packages() async throws {
        try await withTemporaryDirectory { directory in
            try write("intel-rapl:0", 100, in: directory)
            try write("intel-rapl:1", 999_000, in: directory)
            try write("intel-rapl:0:0", 5, in: directory)
            try write("dtpm", 5, in: directory)
            let counter = try #require(EnergyCounter(directory: directory))
            let start = try #require(counter.read())
            #expect(start.count == 2)
            try write("intel-rapl:0", 500_100, in: directory)
            try write("intel-rapl:1", 1000, in: directory)
            try write("intel-rapl:0:0", 400_000, in: directory)
            #expect(abs(try #require(counter.joules(since: start)) - 0.502) < 1e-9)
            // Rights can be taken away.
            try FileManager.default.removeItem(at: directory.appending(path: "intel-rapl:1"))
            #expect(counter.joules(since: start) == nil)
        }
    }

    @Test("nothing to read")
    func nothing() async throws {
        #expect(EnergyCounter(directory: URL(filePath: "/nowhere")) == nil)
        try await withTemporaryDirectory { directory in
            try write("intel-rapl:0", 1, in: directory)
            try FileManager.default.removeItem(at: directory.appending(path: "intel-rapl:0/energy_uj"))
            #expect(EnergyCounter(directory: directory) == nil)
        }
    }
}
