import PerceptFrame

/// Paints the test scene's objects into pictures of one layout.
///
/// A picture keeps its ground: painting restores what the object before covered and blends the new one in, some ten
/// thousand samples whatever the picture's size is.
struct ScenePainter: Sendable {
    /// One colour component of the layout.
    private struct Component: Sendable {
        let plane: Int
        /// Bytes from a row's start to its first sample, and from sample to sample.
        let offset: Int
        let step: Int
        /// Pixels for each sample.
        let across: Int
        let down: Int
        let ground: UInt8
        /// Of each item.
        let colours: [UInt8]
        /// Index of its subsampling among an item's masks.
        let mask: Int
    }

    /// Pixels in a row, and rows.
    let width: Int
    let height: Int
    private let components: [Component]
    /// Masks of each item, one for each subsampling.
    private let masks: [[ShapeMask]]
    /// Pixels of an object's box, even.
    private let box: (width: Int, height: Int)

    /// - Parameter layout: one of `TestSource.layouts`.
    init(
        width: Int, height: Int, layout: DecodedFrame.Layout, colorMatrix: DecodedFrame.ColorMatrix, fullRange: Bool
    ) {
        self.width = width
        self.height = height
        let diameter = (x: TestScene.diameter * Double(width), y: TestScene.diameter * Double(height))
        // Outlines reach 0.58 from the centre.
        let box = (width: 2 * Int(0.6 * diameter.x + 1), height: 2 * Int(0.6 * diameter.y + 1))
        self.box = box
        let samplings: [(across: Int, down: Int)] =
            switch layout {
            case .yuv420p, .nv12: [(1, 1), (2, 2)]
            case .yuyv422: [(1, 1), (2, 1)]
            default: [(1, 1)]
            }
        masks = TestScene.items.map { item in
            let mask = ShapeMask(item.shape, diameter: diameter, width: box.width, height: box.height)
            return samplings.map { mask.subsampled(across: $0.across, down: $0.down) }
        }
        let places: [(plane: Int, offset: Int, step: Int)] =
            switch layout {
            case .yuv420p: [(0, 0, 1), (1, 0, 1), (2, 0, 1)]
            case .nv12: [(0, 0, 1), (1, 0, 2), (1, 1, 2)]
            case .yuyv422: [(0, 0, 2), (0, 1, 4), (0, 3, 4)]
            default: [(0, 0, 3), (0, 1, 3), (0, 2, 3)]
            }
        let conversion = layout == .rgb8 ? nil : ColourCode(colorMatrix, fullRange: fullRange)
        let colours = ([TestScene.ground] + TestScene.items.map(\.colour)).map { colour -> [UInt8] in
            conversion?.encode(colour) ?? [colour.red, colour.green, colour.blue].map { UInt8($0) }
        }
        components = places.enumerated().map { index, place in
            let mask = index == 0 ? 0 : samplings.count - 1
            return Component(
                plane: place.plane, offset: place.offset, step: place.step, across: samplings[mask].across,
                down: samplings[mask].down, ground: colours[0][index], colours: colours.dropFirst().map { $0[index] },
                mask: mask)
        }
    }

    /// The corner of an object's box, even, from its centre as parts of the picture's sides.
    func corner(_ centre: (x: Double, y: Double)) -> (x: Int, y: Int) {
        func even(_ middle: Double, _ size: Int, _ limit: Int) -> Int {
            max(0, min(Int(middle * Double(limit)) - size / 2, limit - size)) / 2 * 2
        }
        return (even(centre.x, box.width, width), even(centre.y, box.height, height))
    }

    /// Writes the ground everywhere.
    func fill(_ buffer: PlaneBuffer) {
        for component in components {
            let columns = (width + component.across - 1) / component.across
            for y in 0..<(height + component.down - 1) / component.down {
                let row = buffer.start(component.plane) + y * buffer.rowBytes(ofPlane: component.plane)
                for x in 0..<columns { row[component.offset + x * component.step] = component.ground }
            }
        }
    }

    /// Writes the ground where an object's box was.
    func restore(_ buffer: PlaneBuffer, _ corner: (x: Int, y: Int)) {
        for component in components {
            let (columns, rows) = (box.width / component.across, box.height / component.down)
            for y in 0..<rows {
                let row = start(component, buffer, corner, y)
                for x in 0..<columns { row[x * component.step] = component.ground }
            }
        }
    }

    /// Blends an object into the ground.
    func paint(_ buffer: PlaneBuffer, item: Int, _ corner: (x: Int, y: Int)) {
        for component in components {
            let mask = masks[item][component.mask]
            let ground = Int32(component.ground)
            let difference = Int32(component.colours[item]) - ground
            mask.coverage.withUnsafeBufferPointer { coverage in
                for y in 0..<mask.height {
                    let row = start(component, buffer, corner, y)
                    for x in 0..<mask.width {
                        let part = Int32(coverage[y * mask.width + x])
                        row[x * component.step] = UInt8(truncatingIfNeeded: ground + (difference * part + 128) >> 8)
                    }
                }
            }
        }
    }

    private func start(
        _ component: Component, _ buffer: PlaneBuffer, _ corner: (x: Int, y: Int), _ y: Int
    ) -> UnsafeMutablePointer<UInt8> {
        buffer.start(component.plane) + (corner.y / component.down + y) * buffer.rowBytes(ofPlane: component.plane)
            + component.offset + corner.x / component.across * component.step
    }
}

/// Y'CbCr of 8 bits from R'G'B' (ITU-T H.273, 8.3).
struct ColourCode {
    private let red: Double
    private let blue: Double
    private let fullRange: Bool

    init(_ matrix: DecodedFrame.ColorMatrix, fullRange: Bool) {
        (red, blue) = matrix.lumaWeights
        self.fullRange = fullRange
    }

    /// Y', Cb and Cr of a colour with components from 0 to 255.
    func encode(_ colour: (red: Double, green: Double, blue: Double)) -> [UInt8] {
        let luma = red * colour.red + (1 - red - blue) * colour.green + blue * colour.blue
        let cb = (colour.blue - luma) / (2 * (1 - blue))
        let cr = (colour.red - luma) / (2 * (1 - red))
        let (scale, offset, chroma) = fullRange ? (1.0, 0.0, 1.0) : (219.0 / 255, 16.0, 224.0 / 255)
        return [luma * scale + offset, cb * chroma + 128, cr * chroma + 128].map {
            UInt8(min(max($0, 0), 255).rounded())
        }
    }
}
