import Foundation
import PerceptNumbers
import TestSupport
import Testing

/// The encoder of quantised rows against one written from the documented layout, element by element in double precision.
@Suite("Quantised rows")
struct QuantizedRowsTests {
    /// Groups of 32 and rest, rows of one group and of several.
    static let columns = [1, 8, 24, 31, 32, 33, 40, 72, 256, 600]

    private static func numbers(_ count: Int, seed: UInt64, spread: Double) -> [Float] {
        var random = SplitMix64(state: seed)
        return (0..<count).map { _ in
            let sum = (0..<4).reduce(0.0) { sum, _ in sum + Double.random(in: -1...1, using: &random) }
            return Float(sum * spread)
        }
    }

    /// A row's codes and the f16 numbers of its groups.
    private struct Row {
        var codes: [Int] = []
        var halves: [[Double]] = []
        var rest: [UInt8] = []

        init(_ bytes: ArraySlice<UInt8>, columns: Int, format: QuantizedFormat) {
            let bytes = Array(bytes)
            let groups = (columns + 31) / 32
            func half(_ at: Int) -> Double {
                Double(Float16(bitPattern: UInt16(bytes[at]) | UInt16(bytes[at + 1]) << 8))
            }
            switch format {
            case .q8:
                codes = bytes[..<(groups * 32)].map { Int(Int8(bitPattern: $0)) }
                halves = (0..<groups).map { [half(groups * 32 + 2 * $0)] }
                rest = Array(bytes[(groups * 34)...])
            case .q4:
                codes = bytes[..<(groups * 16)].flatMap { [Int($0 & 15), Int($0 >> 4)] }
                halves = (0..<groups).map { [half(groups * 16 + 4 * $0), half(groups * 16 + 4 * $0 + 2)] }
                rest = Array(bytes[(groups * 20)...])
            }
        }

        func value(_ column: Int, _ format: QuantizedFormat) -> Double {
            let group = halves[column / 32]
            return format == .q8
                ? Double(codes[column]) * group[0] / 128 : group[1] + Double(codes[column]) * group[0] / 16
        }
    }

    private func rows(_ values: [Float], _ columns: Int, _ format: QuantizedFormat) -> [Row] {
        let bytes = QuantizedRows.encode(rows: values, columns: columns, format: format)
        let size = bytes.count / (values.count / columns)
        #expect(size % 16 == 0 && size == format.rowByteCount(columns: columns))
        return (0..<values.count / columns).map {
            Row(bytes[$0 * size..<($0 + 1) * size], columns: columns, format: format)
        }
    }

    @Test("bytes of a row", arguments: [(1, 48, 32), (32, 48, 32), (33, 80, 48), (256, 272, 160), (600, 656, 384)])
    func sizes(columns: Int, q8: Int, q4: Int) {
        #expect(WeightType.q8.rowByteCount(columns: columns) == q8)
        #expect(WeightType.q4.rowByteCount(columns: columns) == q4)
    }

    @Test("q8 bytes by hand")
    func exactQ8() {
        var row = [Float](repeating: 0, count: 35)
        (row[0], row[1], row[2], row[32], row[34]) = (127, -127, 1, -254, 2)
        var expected = [UInt8](repeating: 0, count: 80)
        (expected[0], expected[1], expected[2], expected[32], expected[34]) = (127, 0x81, 1, 0x81, 1)
        // Scales 128 and 256 in f16.
        (expected[65], expected[67]) = (0x58, 0x5c)
        #expect(QuantizedRows.encode(rows: row, columns: 35, format: .q8) == expected)
    }

    @Test("q4 bytes by hand")
    func exactQ4() {
        // Sixteen levels from -1 on, steps of 1/8: found exactly.
        let row = (0..<34).map { Float($0 % 16) / 8 - 1 } + [Float(-1)]
        var expected = [UInt8](repeating: 0, count: 48)
        for index in 0..<16 { expected[index] = [0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe][index % 8] }
        expected[16] = 0x0f
        let found = QuantizedRows.encode(rows: row, columns: 35, format: .q4)
        // Scale 2, minimum -1 in f16; the second group holds two of its levels.
        #expect(Array(found[..<16]) == Array(expected[..<16]))
        #expect(Array(found[32..<36]) == [0x00, 0x40, 0x00, 0xbc])
        let decoded = QuantizedRows.decode(rows: found, columns: 35, format: .q4)
        for (value, wanted) in zip(decoded, row) { #expect(abs(value - wanted) <= 0x1p-12) }
        #expect(Array(found[18..<32]) == [UInt8](repeating: 0, count: 14))
        #expect(Array(found[40...]) == [UInt8](repeating: 0, count: 8))
    }

    @Test("decoding reads what is documented", arguments: QuantizedFormat.allCases)
    func decoding(format: QuantizedFormat) {
        for columns in Self.columns {
            let values = Self.numbers(3 * columns, seed: UInt64(columns), spread: 0.02)
            let bytes = QuantizedRows.encode(rows: values, columns: columns, format: format)
            let decoded = QuantizedRows.decode(rows: bytes, columns: columns, format: format)
            for (index, row) in rows(values, columns, format).enumerated() {
                for column in 0..<columns {
                    #expect(decoded[index * columns + column] == Float(row.value(column, format)))
                }
                #expect(row.rest.allSatisfy { $0 == 0 })
                #expect(row.codes[columns...].allSatisfy { $0 == 0 })
            }
        }
    }

    /// Half a step, in q4 within the levels, and rounding: of the product by 1 / step, to 2⁻²² of at most 127 steps.
    private func checkNearest(_ values: [Float], _ columns: Int, _ format: QuantizedFormat) {
        for (index, row) in rows(values, columns, format).enumerated() {
            for column in 0..<columns {
                let exact = Double(values[index * columns + column])
                let found = row.value(column, format)
                let halves = row.halves[column / 32]
                switch format {
                case .q8: #expect(abs(found - exact) <= halves[0] / 256 * 1.0001)
                case .q4:
                    let within = min(max(exact, halves[1]), halves[1] + halves[0] * 15 / 16)
                    #expect(abs(found - within) <= halves[0] / 32 * 1.0001 + 0x1p-22 * abs(exact))
                }
            }
        }
    }

    @Test("every element has the nearest code", arguments: QuantizedFormat.allCases)
    func nearest(format: QuantizedFormat) {
        for columns in Self.columns {
            for spread in [0.02, 3, 1e-6, 7000] {
                checkNearest(Self.numbers(4 * columns, seed: UInt64(columns), spread: spread), columns, format)
            }
        }
    }

    @Test("q8's scale is as small as half a step allows")
    func scale() {
        for values in [Self.numbers(320, seed: 1, spread: 0.02), Self.numbers(320, seed: 2, spread: 1e-6)] {
            for (index, row) in rows(values, 32, .q8).enumerated() {
                let largest = values[index * 32..<(index + 1) * 32].map { abs(Double($0)) }.max() ?? 0
                let scale = Float16(row.halves[0][0])
                #expect(Double(scale) * 127.5 / 128 >= largest)
                #expect(Double(scale.nextDown) * 127 / 128 <= largest)
            }
        }
    }

    /// Sum of squared errors of 16 levels from the smallest element to the largest, unrounded.
    @Test("q4 is better than levels from end to end")
    func search() {
        let values = Self.numbers(32 * 400, seed: 3, spread: 0.02)
        var (found, plain) = (0.0, 0.0)
        for (index, row) in rows(values, 32, .q4).enumerated() {
            let group = values[index * 32..<(index + 1) * 32].map(Double.init)
            let low = group.min() ?? 0, step = ((group.max() ?? 0) - low) / 15
            var own = 0.0, naive = 0.0
            for (column, value) in group.enumerated() {
                own += pow(row.value(column, .q4) - value, 2)
                naive += pow(low + ((value - low) / step).rounded() * step - value, 2)
            }
            // Rounding to f16 may cost a little where the search finds nothing.
            #expect(own <= naive * 1.02)
            (found, plain) = (found + own, plain + naive)
        }
        #expect(found < 0.9 * plain, "\(found / plain)")
    }

    @Test("zeros and equal elements", arguments: QuantizedFormat.allCases)
    func equal(format: QuantizedFormat) {
        #expect(
            QuantizedRows.encode(rows: [Float](repeating: 0, count: 72), columns: 72, format: format).allSatisfy {
                $0 == 0
            })
        for value in [Float(1), -0.5, 0.0173, -3e-5, 60000, -60000] {
            let bytes = QuantizedRows.encode(rows: [Float](repeating: value, count: 40), columns: 40, format: format)
            for found in QuantizedRows.decode(rows: bytes, columns: 40, format: format) {
                #expect(abs(found - value) <= abs(value) * 0x1p-8)
            }
        }
    }

    @Test("one outlier, subnormal scales, the largest", arguments: QuantizedFormat.allCases)
    func extremes(format: QuantizedFormat) {
        var outlier = Self.numbers(32, seed: 4, spread: 0.01)
        outlier[17] = 8
        checkNearest(outlier, 32, format)
        #expect(abs(rows(outlier, 32, format)[0].value(17, format) - 8) < 0.01 * 8)
        for spread in [1e-7, 1e-8, 1e-9, 1e-30, 1e-42] {
            let values = Self.numbers(64, seed: 5, spread: spread)
            for (index, row) in rows(values, 32, format).enumerated() {
                for column in 0..<32 {
                    // The smallest half is 2⁻²⁴: q8's steps are at most 1/128 of it wider, q4's minimum is off by one.
                    let error = abs(row.value(column, format) - Double(values[index * 32 + column]))
                    let bound = format == .q8 ? 0.02 * spread + 0x1p-31 : 0.3 * spread + 0x1p-24
                    #expect(error <= bound)
                }
            }
        }
        let largest: Float = format == .q8 ? 64900 : 30500
        let large = (1...32).map { index -> Float in
            let share = Float(index) / 32
            return index % 2 == 0 ? share * largest : -share * largest
        }
        checkNearest(large, 32, format)
    }

    @Test("what has no scale becomes NaN, group by group", arguments: QuantizedFormat.allCases)
    func notFinite(format: QuantizedFormat) {
        for bad in [Float.nan, .infinity, -.infinity, 131_072, -3e38] {
            var values = Self.numbers(72, seed: 6, spread: 0.02)
            values[40] = bad
            let bytes = QuantizedRows.encode(rows: values, columns: 72, format: format)
            let decoded = QuantizedRows.decode(rows: bytes, columns: 72, format: format)
            for column in 0..<72 { #expect(decoded[column].isNaN == (32..<64).contains(column), "\(bad) \(column)") }
        }
    }

    /// Rows of every kind of group: usual ones, with zeros of either sign, equal, of one sign, too large and not finite.
    private static func everyKind(_ columns: Int) -> [Float] {
        var state: UInt64 = 7
        return (0..<64 * columns).map { index in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let uniform = Float(Int32(truncatingIfNeeded: state >> 32)) * 0x1p-31
            let spread: Float = [0.02, 3, 1e-6, 2e-7, 40_000, 1e-38][index / columns % 6]
            switch index / 7 % 13 {
            case 0: return index % 2 == 0 ? 0 : -0.0
            case 1: return spread
            case 2: return abs(uniform) * spread
            case 3: return -abs(uniform) * spread
            case 4 where index % 31 == 0: return [.nan, .infinity, -.infinity, 3e38][index % 4]
            default: return uniform * spread
            }
        }
    }

    /// Files that were written stay those that would be written: FNV-1a of all bytes, as the encoder gave them that took one
    /// element after the other.
    @Test("the encoder's bytes do not change", arguments: QuantizedFormat.allCases)
    func bytesStay(format: QuantizedFormat) {
        let hash: UInt64 = format == .q8 ? 0x6678_af42_f81c_f821 : 0x1e89_ead2_ae5b_13c5
        var found: UInt64 = 0xcbf2_9ce4_8422_2325
        for columns in Self.columns + [128, 160, 4096] {
            for byte in QuantizedRows.encode(rows: Self.everyKind(columns), columns: columns, format: format) {
                found = (found ^ UInt64(byte)) &* 0x100_0000_01b3
            }
        }
        #expect(found == hash, "0x\(String(found, radix: 16))")
    }
}
