/// The grid an image is cut into: it is resized to whole tiles, aspect ratio not kept, and cut row by row
/// (perception_models: core/transforms/image_transform.py, `VariableSizeImageTransform`).
package struct TileGrid: Hashable, Sendable {
    package let columns: Int
    package let rows: Int

    package init(columns: Int, rows: Int) {
        self.columns = columns
        self.rows = rows
    }

    package var count: Int { columns * rows }

    /// Size in pixels the image is resized to.
    package func target(tileSize: Int) -> (width: Int, height: Int) { (columns * tileSize, rows * tileSize) }

    /// Upper left corners of the tiles in the resized image, in the order of their chunks.
    package func origins(tileSize: Int) -> [(x: Int, y: Int)] {
        (0..<count).map { ($0 % columns * tileSize, $0 / columns * tileSize) }
    }

    /// The grid of at most `maxTiles` tiles on which an image is largest, for one that fits some grid without shrinking;
    /// else the largest of the nearest shape.
    ///
    /// Sizes are in pixels and positive. Floating point is that of the reference, so that ties fall the same way.
    package static func best(width: Int, height: Int, maxTiles: Int, tileSize: Int = 448) -> TileGrid {
        precondition(width > 0 && height > 0 && maxTiles > 0 && tileSize > 0)
        let shapes = shapes(maxTiles: maxTiles)
        let (w, h) = (Double(width), Double(height))
        let ratio = w / h

        var best: (grid: TileGrid, score: Double)?
        for grid in shapes.flatMap(\.grids) {
            let canvas = grid.target(tileSize: tileSize)
            guard canvas.width >= width, canvas.height >= height else { continue }
            let scale = min(Double(canvas.width) / w, Double(canvas.height) / h)
            // The shorter side of the image on this canvas, its aspect ratio kept; equal sides count the height.
            let score =
                if ratio > 1 {
                    (scale * w / ratio).rounded(.down)
                } else if ratio == 1 {
                    scale * h
                } else {
                    (scale * h * ratio).rounded(.down)
                }
            // Of equal ones the later.
            if best.map({ score >= $0.score }) ?? true { best = (grid, score) }
        }
        if let best { return best.grid }

        // An image wider than all grids gets the one next below, a taller one that next above its ratio; 1 is among the
        // ratios, so there is always one.
        let isWide = ratio >= 1
        var nearest: (grids: [TileGrid], distance: Double)?
        for shape in shapes where isWide ? shape.ratio <= ratio : shape.ratio > ratio {
            let distance = abs(isWide ? shape.ratio - ratio : 1 / shape.ratio - 1 / ratio)
            if nearest.map({ distance < $0.distance }) ?? true { nearest = (shape.grids, distance) }
        }
        let grids = nearest?.grids ?? []
        let largest = grids.max { isWide ? $0.columns < $1.columns : $0.rows < $1.rows }
        return largest ?? TileGrid(columns: 1, rows: 1)
    }

    /// All grids of at most `maxTiles` tiles by their ratio of columns to rows, in the order in which a ratio first
    /// appears when they are listed from many tiles to few and from narrow to wide.
    private static func shapes(maxTiles: Int) -> [(ratio: Double, grids: [TileGrid])] {
        var shapes: [(ratio: Double, grids: [TileGrid])] = []
        var positions: [Double: Int] = [:]
        for count in (1...maxTiles).reversed() {
            for columns in 1...count where count.isMultiple(of: columns) {
                let grid = TileGrid(columns: columns, rows: count / columns)
                let ratio = Double(columns) / Double(grid.rows)
                if let position = positions[ratio] {
                    shapes[position].grids.append(grid)
                } else {
                    positions[ratio] = shapes.count
                    shapes.append((ratio, [grid]))
                }
            }
        }
        return shapes
    }
}

extension PLMConfig {
    /// The grid of an image's tiles; nil where it becomes one chunk. The thumbnail precedes the tiles.
    package func tileGrid(width: Int, height: Int) -> TileGrid? {
        guard visionInput == .thumbnailAndTiles else { return nil }
        return TileGrid.best(width: width, height: height, maxTiles: maxTiles, tileSize: imageSize)
    }
}
