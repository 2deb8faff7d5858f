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

    /// A side no picture has: that of a program whose resize keeps no lines in between.
    static let unlimitedSide = 1 << 24
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
    /// Each image has two inputs, `header.b` (the words of a `PixelHeader` with its tables) and `source.b` (the bytes of
    /// its planes). Sizes are read from the header when the kernels run, so one recording serves every image that fits
    /// `capacity`.
    package mutating func preprocess(
        _ label: String, images: Int, height: Int, width: Int, capacity: PixelCapacity,
        rounding: ResizeRounding = .eachPass
    ) -> Tensor {
        let pixels = result([images, 3, height, width], .f32)
        for image in 0..<images {
            let header = input("header.\(image)", [1, capacity.headerWords])
            let source = input("source.\(image)", [1, capacity.sourceWords])
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
        return pixels
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
        if let layouts { constants = ["LANES": lanes, "LAYOUTS": Int(layouts.rawValue)] }
        return Dispatch(
            kernel, constants: constants,
            push: ["header": operands[0], "source": operands[1], "result": operands[2]],
            groups: [groups, 1, 1], reads: [Operand(header), Operand(source)], writes: [Operand(result)])
    }
}

extension Plan {
    /// Room for each image of a plan that begins with `preprocess`.
    package var pixelCapacity: PixelCapacity? {
        func words(_ name: String) -> Int? { inputs.first { $0.name == name }?.tensor.columns }
        guard let header = words("header.0"), let source = words("source.0"),
            let unpack = steps.first(where: { $0.dispatch.kernel == Catalog.unpackPixels })?.dispatch,
            let upright = unpack.writes.first, let layouts = unpack.constants.last,
            let last = steps.first(where: { [Catalog.resizeSecond, Catalog.resizeOnce].contains($0.dispatch.kernel) }),
            let pixels = last.dispatch.writes.first
        else { return nil }
        let lines = steps.first { $0.dispatch.kernel == Catalog.resizeFirst }?.dispatch.writes.first
        let longerResult = max(pixels.tensor.shape[2], pixels.tensor.shape[3])
        return PixelCapacity(
            headerWords: header, sourceWords: source, pixels: upright.tensor.columns,
            side: lines.map { $0.tensor.columns / longerResult } ?? PixelCapacity.unlimitedSide,
            layouts: PixelLayouts(rawValue: layouts))
    }
}
