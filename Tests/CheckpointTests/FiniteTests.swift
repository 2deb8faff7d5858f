import PerceptCheckpoint
import PerceptNumbers
import TestSupport
import Testing

/// Elements that are no numbers are found wherever they lie, and nothing else is taken for one.
@Suite struct FiniteTests {
    /// Little-endian bits of NaN (quiet, and with the lowest bit of its payload alone) and of the infinities; then of the
    /// numbers next to them.
    private static let faults: [ElementType: [UInt64]] = [
        .f64: [0x7ff8 << 48, 0x7ff0 << 48 | 1, 0x7ff0 << 48, 0xfff0 << 48],
        .f32: [0x7fc0_0000, 0x7f80_0001, 0x7f80_0000, 0xff80_0000],
        .f16: [0x7e00, 0x7c01, 0x7c00, 0xfc00], .bf16: [0x7fc0, 0x7f81, 0x7f80, 0xff80],
    ]
    private static let numbers: [ElementType: [UInt64]] = [
        .f64: [0, 1 << 63, 0x7fef_ffff_ffff_ffff, 0xffef_ffff_ffff_ffff, 1],
        .f32: [0, 0x8000_0000, 0x7f7f_ffff, 0xff7f_ffff, 1], .f16: [0, 0x8000, 0x7bff, 0xfbff, 1],
        .bf16: [0, 0x8000, 0x7f7f, 0xff7f, 1], .i32: [0x7f80_0000, 0x7fc0_0000, 0xff80_0000], .i16: [0x7c00, 0xfc00],
    ]

    private func matrix(_ bits: [UInt64], _ type: ElementType) throws -> Checkpoint {
        try Fixture.withTemporaryDirectory { directory in
            var writer = SafetensorsWriter()
            writer.add(
                "m", [6, 4], type,
                bits.flatMap { bits in (0..<type.size).map { UInt8(truncatingIfNeeded: bits >> UInt64(8 * $0)) } })
            try writer.write(to: directory + "/m.safetensors")
            return try Checkpoint(contentsOf: directory)
        }
    }

    @Test(arguments: faults.keys)
    func faultsAreFoundInTheirRow(type: ElementType) throws {
        for fault in Self.faults[type] ?? [] {
            for place in 0..<24 {
                var bits = [UInt64](repeating: 0, count: 24)
                bits[place] = fault
                let matrix = try #require(try matrix(bits, type)["m"])
                // As the file has it, by columns, and with its rows as 0, 3, 1, 4, 2, 5.
                let views = [
                    (matrix, place / 4), (try matrix.transposed(), place % 4),
                    (try matrix.interleavingHalves(of: 6), [0, 2, 4, 1, 3, 5][place / 4]),
                ]
                for (view, faulty) in views {
                    for row in 0..<view.rows where row != faulty { try view.requireFinite(row..<row + 1) }
                    for rows in [faulty..<faulty + 1, 0..<view.rows] {
                        let error = #expect(throws: CheckpointError.self) { try view.requireFinite(rows) }
                        guard case .notFinite(let file, "m") = error else {
                            return #expect(Bool(false), "\(String(describing: error))")
                        }
                        #expect(file.hasSuffix("/m.safetensors"))
                    }
                }
            }
        }
    }

    @Test(arguments: numbers.keys)
    func numbersAreNoFaults(type: ElementType) throws {
        let numbers = Self.numbers[type] ?? []
        let matrix = try #require(try matrix((0..<24).map { numbers[$0 % numbers.count] }, type)["m"])
        try matrix.requireFinite(0..<6)
        try matrix.transposed().requireFinite(0..<4)
    }
}
