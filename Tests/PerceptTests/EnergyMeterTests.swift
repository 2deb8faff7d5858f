import Foundation
import Percept
import PerceptEngine
import TestSupport
import Testing

/// Energy from files laid out as Linux shows them, and from a library that answers as NVIDIA's does.
@Suite("Energy meter")
struct EnergyMeterTests {
    private func write(_ value: Int, to file: URL) throws {
        try FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data("\(value)\n".utf8).write(to: file)
    }

    private func writePackage(_ name: String, _ energy: Int, range: Int = 1_000_000, in folder: URL) throws {
        try write(energy, to: folder.appending(path: "\(name)/energy_uj"))
        try write(range, to: folder.appending(path: "\(name)/max_energy_range_uj"))
    }

    /// What a meter counts of a constant power, between what it is over the time inside and over that around.
    private func measure(
        _ meter: EnergyMeter, watts: Double
    ) async throws -> (least: Double, joules: Double, most: Double) {
        let around = ContinuousClock.now
        let count = try #require(meter.start())
        let inside = ContinuousClock.now
        try await Task.sleep(for: .milliseconds(50))
        let least = watts * ((ContinuousClock.now - inside) / .seconds(1))
        let joules = try #require(count())
        return (least, joules, watts * ((ContinuousClock.now - around) / .seconds(1)))
    }

    @Test("packages add up, their parts do not, and counters start anew")
    func packages() async throws {
        try await withTemporaryDirectory { folder in
            try writePackage("intel-rapl:0", 100, in: folder)
            try writePackage("intel-rapl:1", 999_000, in: folder)
            try writePackage("intel-rapl:0:0", 5, in: folder)
            try writePackage("dtpm", 5, in: folder)
            let meter = try #require(EnergyMeter.processor(folder: folder))
            let (count, another) = (try #require(meter.start()), try #require(meter.start()))
            try writePackage("intel-rapl:0", 500_100, in: folder)
            try writePackage("intel-rapl:1", 1000, in: folder)
            try writePackage("intel-rapl:0:0", 400_000, in: folder)
            #expect(abs(try #require(count()) - 0.502) < 1e-9)
            // Rights can be taken away.
            try FileManager.default.removeItem(at: folder.appending(path: "intel-rapl:1"))
            #expect(another() == nil)
        }
    }

    @Test("a card's energy counter goes before its power")
    func counter() async throws {
        try await withTemporaryDirectory { folder in
            let sensors = folder.appending(path: "0000:03:00.0/hwmon/hwmon5")
            try write(40_000_000, to: sensors.appending(path: "power1_input"))
            try write(7_000_000, to: sensors.appending(path: "energy1_input"))
            try write(1_000_000, to: sensors.appending(path: "energy2_input"))
            let meter = try #require(EnergyMeter.sensors(pciAddress: "0000:03:00.0", devices: folder))
            let count = try #require(meter.start())
            try write(9_500_000, to: sensors.appending(path: "energy1_input"))
            #expect(count() == 2.5)
        }
    }

    @Test("power adds up to energy", arguments: ["power1_average", "power1_input"])
    func power(name: String) async throws {
        try await withTemporaryDirectory { folder in
            let sensor = folder.appending(path: "0000:03:00.0/hwmon/hwmon5/\(name)")
            try write(40_000_000, to: sensor)
            let meter = try #require(EnergyMeter.sensors(pciAddress: "0000:03:00.0", devices: folder))
            let bounds = try await measure(meter, watts: 40)
            #expect(bounds.least <= bounds.joules && bounds.joules <= bounds.most, "\(bounds)")
            let another = try #require(meter.start())
            try FileManager.default.removeItem(at: sensor)
            #expect(another() == nil)
        }
    }

    @Test("between readings power changes evenly")
    func trapezoids() {
        let start = ContinuousClock.now
        var sum = PowerSum.Sum()
        sum.add(10, at: start)
        sum.add(20, at: start + .seconds(2))
        sum.add(0, at: start + .seconds(3))
        #expect(sum.joules == 40 && sum.isComplete)
        sum.add(nil, at: start + .seconds(4))
        #expect(!sum.isComplete)
    }

    @Test("NVIDIA's library, with its energy and with its power alone", arguments: [false, true])
    func nvidia(withoutEnergy: Bool) async throws {
        try await withTemporaryDirectory { folder in
            let library = folder.appending(path: "nvml.so").path
            try CompiledLibrary.make("Tests/Fixtures/device/nvml.c", at: library)
            if withoutEnergy { setenv("NVML_WITHOUT_ENERGY", "1", 1) }
            defer { unsetenv("NVML_WITHOUT_ENERGY") }
            #expect(EnergyMeter.nvidia(pciAddress: "0000:04:00.0", library: library) == nil)
            let meter = try #require(EnergyMeter.nvidia(pciAddress: "0000:03:00.0", library: library))
            #expect(meter.name.contains("power") == withoutEnergy)
            // The library counts in millijoules, of which a beginning and an end may each be short of one.
            let bounds = try await measure(meter, watts: 250)
            #expect(bounds.least - 1e-3 <= bounds.joules && bounds.joules <= bounds.most + 1e-3, "\(bounds)")
        }
    }

    @Test("nothing to read")
    func nothing() async throws {
        #expect(EnergyMeter.processor(folder: URL(filePath: "/nowhere")) == nil)
        #expect(EnergyMeter.sensors(pciAddress: "0000:03:00.0", devices: URL(filePath: "/nowhere")) == nil)
        #expect(EnergyMeter.nvidia(pciAddress: "0000:03:00.0", library: "libnvidia-ml-is-not-here.so") == nil)
        try await withTemporaryDirectory { folder in
            try writePackage("intel-rapl:0", 1, in: folder)
            try FileManager.default.removeItem(at: folder.appending(path: "intel-rapl:0/energy_uj"))
            #expect(EnergyMeter.processor(folder: folder) == nil)
        }
    }
}
