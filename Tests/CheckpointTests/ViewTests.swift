import PerceptCheckpoint
import PerceptNumbers
import TestSupport
import Testing

/// Matrices in another order than that of the file.
@Suite struct ViewTests {
    /// A file with `m`, whose element at row r and column c is 10 r + c.
    private func withMatrix(_ rows: Int, _ columns: Int, _ body: (CheckpointTensor) throws -> Void) throws {
        try Fixture.withTemporaryDirectory { directory in
            var writer = SafetensorsWriter()
            writer.add(
                "m", [rows, columns], (0..<rows * columns).map { Float(10 * ($0 / columns) + $0 % columns) })
            writer.add("v", [4], [0, 1, 2, 3])
            try writer.write(to: directory + "/m.safetensors")
            let checkpoint = try Checkpoint(contentsOf: directory)
            try body(try #require(checkpoint["m"]))
        }
    }

    @Test func halvesOfRowsAreInterleaved() throws {
        try withMatrix(12, 3) { matrix in
            let view = try matrix.interleavingHalves(of: 6)
            let order = [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]
            #expect(view.shape == [12, 3] && view.rows == 12 && view.columns == 3 && view.count == 36)
            #expect(try view.values() == order.flatMap { row in (0..<3).map { Float(10 * row + $0) } })
            for row in 0..<12 {
                #expect(try view.values(row: row) == matrix.values(row: order[row]))
            }
            #expect(view.withContiguousBytes { _ in true } == nil)

            // From the middle of one group to that of the next, with padding.
            var rows = [Float](repeating: 9, count: 5 * 8)
            try rows.withUnsafeMutableBytes { buffer in
                let start = try #require(buffer.baseAddress)
                #expect(try !view.copyRows(4..<8, as: .f32, to: start, rowStride: 8))
            }
            for (index, row) in order[4..<8].enumerated() {
                let expected = (0..<3).map { Float(10 * row + $0) } + [0, 0, 0, 0, 0]
                #expect(Array(rows[index * 8..<index * 8 + 8]) == expected)
            }
            #expect(Array(rows[32...]) == Array(repeating: 9, count: 8))
        }
    }

    @Test func aReorderedMatrixCanBeStackedAndOfOnlyOneGroup() throws {
        try withMatrix(4, 2) { matrix in
            let view = try matrix.interleavingHalves(of: 4)
            let both = try view.stacked(on: matrix, name: "both")
            #expect(both.shape == [8, 2])
            #expect(try both.values() == [0, 1, 20, 21, 10, 11, 30, 31, 0, 1, 10, 11, 20, 21, 30, 31])
            #expect(try matrix.interleavingHalves(of: 2).values() == matrix.values())
        }
    }

    @Test func columnsOfATransposedMatrixAreFollowed() throws {
        try withMatrix(2, 4) { matrix in
            let view = try matrix.transposed().interleavingHalves(of: 4)
            #expect(try view.values() == [0, 10, 2, 12, 1, 11, 3, 13])
        }
    }

    @Test func whatCannotBeReorderedIsRefused() throws {
        try withMatrix(12, 3) { matrix in
            for size in [0, -2, 3, 5, 8, 24] {
                #expect(
                    throws: CheckpointError.shape(file: matrix.file, name: "m", expected: [-1, -1], found: [12, 3])
                ) {
                    try matrix.interleavingHalves(of: size)
                }
            }
            let view = try matrix.interleavingHalves(of: 6)
            #expect(throws: CheckpointError.self) { try view.transposed() }
            #expect(throws: CheckpointError.self) { try view.reshaped([12, 1, 3]) }
            #expect(throws: CheckpointError.self) { try view.interleavingHalves(of: 6) }
            let stacked = try matrix.stacked(on: matrix, name: "both")
            #expect(throws: CheckpointError.self) { try stacked.interleavingHalves(of: 6) }
        }
    }
}
