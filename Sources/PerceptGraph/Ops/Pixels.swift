import PerceptNumbers
import PerceptShaders

/// Ways in which decoded bytes may lie in memory: bit i is the layout that a `PixelHeader` gives as i.
package struct PixelLayouts: OptionSet, Hashable, Sendable {
    package let rawValue: UInt32

    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static let all = PixelLayouts(rawValue: 255)
}

/// Room for one source image in a recorded program: any image within it runs without recording anew.
package struct PixelCapacity: Hashable, Sendable {
    /// Words of the header with its tables.
    package var headerWords: Int
    /// Words of the decoded planes.
    package var sourceWords: Int
    /// Upright pixels.
    package var pixels: Int
    /// The longer upright side: one pass leaves that many lines, of rows or of columns.
    package var side: Int
    /// Kernels are compiled for these.
    package var layouts: PixelLayouts

    package init(headerWords: Int, sourceWords: Int, pixels: Int, side: Int, layouts: PixelLayouts) {
        self.headerWords = headerWords
        self.sourceWords = sourceWords
        self.pixels = pixels
        self.side = side
        self.layouts = layouts
    }

    /// The least there can be.
    package static let none = PixelCapacity(headerWords: 1, sourceWords: 1, pixels: 1, side: 1, layouts: [])

    /// The smallest capacity that holds both.
    package func union(_ other: PixelCapacity) -> PixelCapacity {
        PixelCapacity(
            headerWords: max(headerWords, other.headerWords), sourceWords: max(sourceWords, other.sourceWords),
            pixels: max(pixels, other.pixels), side: max(side, other.side), layouts: layouts.union(other.layouts))
    }

    package func holds(_ other: PixelCapacity) -> Bool { union(other) == self }

    /// A side no picture has: that of a recording whose resize keeps no lines in between.
    package static let unlimitedSide = 1 << 24
}

extension PixelCapacity {
    /// Room to spare, in steps of a quarter, so that images a little larger need no new recording.
    package var withSlack: PixelCapacity {
        func step(_ count: Int) -> Int {
            let unit = max(256, 1 << max(0, Int.bitWidth - count.leadingZeroBitCount - 3))
            return count.roundedUp(to: unit)
        }
        return PixelCapacity(
            headerWords: step(headerWords), sourceWords: step(sourceWords), pixels: step(pixels), side: step(side),
            layouts: layouts)
    }
}

/// Where one decoded image of a batch goes before a run.
package struct ImageSlot: Hashable, Sendable {
    /// The words of a `PixelHeader` with its tables.
    package let header: Tensor
    /// The bytes of the image's planes.
    package let source: Tensor
}

/// When a resized pixel becomes 8 bits.
package enum ResizeRounding: Hashable, Sendable {
    /// Behind each of the two passes, as Pillow resizes pictures.
    case eachPass
    /// Once, at the end, as PyTorch resizes tensors.
    case once
}

extension Graph {
    /// Normalised pixels [B, 3, height, width] f32 from B decoded images, resized as Pillow or as PyTorch does.
    ///
    /// Sizes are read from each image's header when the kernels run, so one recording serves every image that fits
    /// `capacity`.
    ///
    /// - Returns: the pixels, and a slot for each image.
    package mutating func preprocess(
        _ label: String, images: Int, height: Int, width: Int, capacity: PixelCapacity,
        rounding: ResizeRounding = .eachPass
    ) -> (pixels: Tensor, slots: [ImageSlot]) {
        let pixels = result([images, 3, height, width], .f32)
        var slots: [ImageSlot] = []
        for image in 0..<images {
            let header = input("header.\(image)", [1, capacity.headerWords])
            let source = input("source.\(image)", [1, capacity.sourceWords])
            slots.append(ImageSlot(header: header, source: source))
            let upright = result([1, capacity.pixels], .f32)
            append(
                "\(label).\(image).unpack",
                PixelPass(
                    kernel: Catalog.unpackPixels, header: header, source: source, result: upright,
                    layouts: capacity.layouts))
            if rounding == .once {
                append(
                    "\(label).\(image).once",
                    PixelPass(kernel: Catalog.resizeOnce, header: header, source: upright, result: pixels))
                continue
            }
            let lines = result([1, capacity.side * max(height, width)], .f32)
            append(
                "\(label).\(image).first",
                PixelPass(kernel: Catalog.resizeFirst, header: header, source: upright, result: lines))
            append(
                "\(label).\(image).second",
                PixelPass(kernel: Catalog.resizeSecond, header: header, source: lines, result: pixels))
        }
        return (pixels, slots)
    }
}

/// One pass over the pixels of one image; the grid strides over them, whatever their number.
struct PixelPass: Operation {
    let kernel: Kernel
    let header: Tensor
    let source: Tensor
    let result: Tensor
    /// Of the source, where it is decoded bytes.
    var layouts: PixelLayouts?

    func dispatch(_ lowering: Lowering) -> Dispatch {
        let lanes = lowering.device.rowWorkgroup
        // Enough to fill any device; on a CPU each workgroup costs time by itself.
        let groups = lowering.device.style == .cpu ? 32 : 1024
        let operands: [PushValue] = [header, source, result].map { .operand(Operand($0)) }
        if kernel == Catalog.resizeSecond || kernel == Catalog.resizeOnce {
            return Dispatch(
                kernel, constants: ["LANES": lanes],
                push: [
                    "header": operands[0], "source": operands[1], "result": operands[2],
                    "pixelStride": .uint(result.octets), "pixelRows": .uint(result.shape[2]),
                ],
                groups: [groups, 1, 1], reads: [Operand(header), Operand(source)], writes: [Operand(result)])
        }
        var constants: KeyValuePairs = ["LANES": lanes]
        if let layouts {
            // What loads cost on a CPU, they cost by their number.
            let runs = lowering.device.style == .cpu ? 1 : 0
            constants = ["LANES": lanes, "LAYOUTS": Int(layouts.rawValue), "RUNS": runs]
        }
        return Dispatch(
            kernel, constants: constants,
            push: ["header": operands[0], "source": operands[1], "result": operands[2]],
            groups: [groups, 1, 1], reads: [Operand(header), Operand(source)], writes: [Operand(result)])
    }
}
