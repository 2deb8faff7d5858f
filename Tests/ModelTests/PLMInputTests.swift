import Foundation
import PerceptModels
import Testing

/// Tiling, frame sampling and region boxes against `Tools/fixtures/plm_inputs.py`.
@Suite struct PLMInputTests {
    @Test func gridsAreThoseOfTransformers() throws {
        let rows = try PLMFixture.decoded("grids.json", as: [[Int]].self)
        #expect(rows.count >= 300)
        for row in rows {
            let grid = TileGrid.best(width: row[0], height: row[1], maxTiles: row[2])
            #expect(grid == TileGrid(columns: row[3], rows: row[4]), "\(row)")
        }
    }

    @Test func tilesFollowTheThumbnailRowByRow() throws {
        let grid = TileGrid(columns: 3, rows: 2)
        #expect(grid.target(tileSize: 448) == (1344, 896))
        let origins = grid.origins(tileSize: 10)
        #expect(origins.map(\.x) == [0, 10, 20, 0, 10, 20] && origins.map(\.y) == [0, 0, 0, 10, 10, 10])
        var config = try #require(PublishedModel.named("PLM-1B")?.language)
        #expect(config.tileGrid(width: 640, height: 427)?.count == 35)
        #expect(config.tileGrid(width: 5000, height: 100)?.count == 36)
        config.visionInput = .vanilla
        #expect(config.tileGrid(width: 640, height: 427) == nil && config.tileGrid(width: 1, height: 1) == nil)
    }

    @Test func extremeSizesHaveAGrid() {
        for (width, height) in [(1, 1 << 40), (1 << 40, 1), (1 << 30, 1 << 30)] {
            #expect(TileGrid.best(width: width, height: height, maxTiles: 36).count <= 36)
        }
    }

    @Test func framesAreThoseOfTheReference() throws {
        struct Case: Decodable {
            let count, limit: Int
            let fps: Double
            let start, end: Double?
            let indices: [Int]
        }
        let cases = try PLMFixture.decoded("frames.json", as: [Case].self)
        #expect(cases.count > 250)
        for entry in cases {
            let indices = try VideoFrames.indices(
                count: entry.count, fps: entry.fps, start: entry.start, end: entry.end, limit: entry.limit)
            #expect(indices == entry.indices, "\(entry)")
        }
    }

    @Test func framesAreWithinAnyVideo() throws {
        #expect(try VideoFrames.indices(count: 1, fps: 30, limit: 32) == [0])
        #expect(try VideoFrames.indices(count: 10, fps: 0.2, limit: 32) == Array(0..<10))
        #expect(try VideoFrames.indices(count: 100, fps: 30, start: 50, end: 60, limit: 4) == [99])
        #expect(try VideoFrames.indices(count: 9, fps: 1, limit: 1) == [4])
        #expect(try VideoFrames.indices(count: 100, fps: .nan, limit: 3) == [0, 50, 99])
        #expect(throws: PLMInputError.noFrames) { try VideoFrames.indices(count: 0, fps: 30, limit: 4) }
        #expect(throws: PLMInputError.unknownFrameRate(0)) {
            try VideoFrames.indices(count: 5, fps: 0, start: 1, limit: 4)
        }
        #expect(throws: PLMInputError.faultyTime(seconds: .infinity)) {
            try VideoFrames.indices(count: 5, fps: 5, end: .infinity, limit: 4)
        }
        for count in 1...40 {
            for fps in [1e-9, 0.5, 1, 2.5, 3.5, 1e300, .infinity, -1e300, 0] {
                for limit in [1, 2, 7, 64] {
                    for start in [nil, -1e300, 0.3, 1e300] {
                        guard start == nil || (fps.isFinite && fps > 0) else { continue }
                        let indices = try VideoFrames.indices(count: count, fps: fps, start: start, limit: limit)
                        #expect(!indices.isEmpty && indices.count <= limit)
                        #expect(indices.allSatisfy((0..<count).contains))
                        #expect(zip(indices, indices.dropFirst()).allSatisfy(<))
                    }
                }
            }
        }
    }

    @Test func boxesAreWrittenAsTheReferenceDoes() throws {
        struct Case: Decodable {
            let box: [Double]
            let width, height: Int
            let text: String
        }
        for entry in try PLMFixture.decoded("regions.json", as: [Case].self) {
            let box = try #require(
                RegionBox(
                    x: entry.box[0], y: entry.box[1], width: entry.box[2], height: entry.box[3],
                    imageWidth: entry.width, imageHeight: entry.height))
            #expect(box.text == entry.text)
            #expect(RegionBox(firstIn: "It is at \(entry.text).") == box)
        }
        #expect(RegionBox(x: .nan, y: 0, width: 1, height: 1, imageWidth: 5, imageHeight: 5) == nil)
        #expect(RegionBox(x: 0, y: 0, width: 1, height: 1, imageWidth: 0, imageHeight: 5) == nil)
    }

    @Test func boxesAreReadFromAnswers() throws {
        let box = try #require(RegionBox(firstIn: "see [1] and [0, 250,500 ,999]"))
        #expect(box.corners(imageWidth: 640, imageHeight: 200) == [0, 50, 320, 199.8])
        for text in ["", "[", "[1,2,3]", "[1,2,3,4", "[1,2,3,4,5]", "[a,b,c,d]", "[1000,0,0,0]", "[-1,0,0,0]"] {
            #expect(RegionBox(firstIn: text) == nil, "\(text)")
        }
    }

    @Test func boxesReplaceTheirPlaceholders() throws {
        let boxes = (0..<11).compactMap { index in
            RegionBox(x: Double(index), y: 0, width: 1, height: 1, imageWidth: 100, imageHeight: 100)
        }
        let text = try RegionBox.replacingPlaceholders(in: "<|bbox1|><|bbox10|> <|bboxx|> <|bbox", with: boxes)
        #expect(text == "[010,000,020,010][100,000,110,010] <|bboxx|> <|bbox")
        #expect(throws: PLMInputError.missingBox(index: 2, given: 2)) {
            try RegionBox.replacingPlaceholders(in: "<|bbox2|>", with: Array(boxes[..<2]))
        }
    }
}
