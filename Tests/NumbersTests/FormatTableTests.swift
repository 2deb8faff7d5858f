import Foundation
import PerceptNumbers
import Testing

@Suite("Table of formats")
struct FormatTableTests {
    private static let includes = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Shaders/include")

    @Test("constants are those of the kernels", arguments: WeightType.allCases)
    func constants(type: WeightType) throws {
        let file = Self.includes.appending(path: type.isPlain ? "storage.glsl" : "format.glsl")
        let source = try String(contentsOf: file, encoding: .utf8)
        #expect(source.contains("const uint \(type.description.uppercased()) = \(type.constant)u;\n"))
    }

    @Test("names and constants name one format each")
    func distinct() {
        #expect(Set(WeightType.allCases.map(\.constant)).count == WeightType.allCases.count)
        #expect(Set(WeightType.allCases.map(\.description)).count == WeightType.allCases.count)
        for format in QuantizedFormat.allCases { #expect(QuantizedFormat(name: format.description) == format) }
        #expect(QuantizedFormat(name: "f32") == nil)
        for type in ElementType.allCases { #expect(ElementType(safetensorsName: type.safetensorsName) == type) }
    }

    @Test("rows begin on 16 bytes", arguments: WeightType.allCases)
    func alignment(type: WeightType) {
        for columns in 1...200 { #expect(type.rowByteCount(columns: columns) % 16 == 0) }
    }

    @Test("elements come back", arguments: StorageType.allCases)
    func elements(type: StorageType) {
        let values: [Float] = [0, -0.0, 1, -1.5, 0.0078125, 448, .infinity]
        var bytes = [UInt8](repeating: 0, count: values.count * type.byteCount)
        bytes.withUnsafeMutableBytes { memory in
            for (index, value) in values.enumerated() { memory.baseAddress?.storeRounded(value, at: index, as: type) }
        }
        #expect(bytes.withUnsafeBytes { type.values($0) } == values)
        #expect(bytes.withUnsafeBytes { type.values(UnsafeRawBufferPointer(rebasing: $0[..<0])) } == [])
    }

    @Test("NaN is found in either half of a word", arguments: StorageType.allCases)
    func notNumbers(type: StorageType) {
        for place in 0..<4 / type.byteCount {
            for (value, isNaN) in [(Float.nan, true), (-.nan, true), (.infinity, false), (-1, false), (0, false)] {
                var word: UInt32 = 0
                withUnsafeMutablePointer(to: &word) {
                    UnsafeMutableRawPointer($0).storeRounded(value, at: place, as: type)
                }
                #expect(type.isNaN(inWord: word) == isNaN)
            }
        }
    }

    @Test("rows that could not be encoded are found", arguments: QuantizedFormat.allCases)
    func unencodable(format: QuantizedFormat) {
        for bad in [Float.nan, .infinity, -3e38, 1] {
            var values = [Float](repeating: 0.5, count: 3 * 72)
            values[72 + 40] = bad
            let bytes = QuantizedRows.encode(rows: values, columns: 72, format: format)
            #expect(bytes.withUnsafeBytes { QuantizedRows.areFinite($0, columns: 72, format: format) } == (bad == 1))
        }
    }
}
