/// How an image of any size becomes the square, or given, input of a tower.
package struct ImageTransform: Hashable, Sendable {
    package enum Fit: Hashable, Sendable {
        /// Both sides are resized to the input's, whatever the aspect ratio.
        case squash
        /// The shorter side is resized to the input's over `fraction`, then the centre is cut out.
        case centreCrop(fraction: Double)
    }

    package var filter: ResampleTable.Filter
    package var fit: Fit
    package var mean: [Float]
    package var deviation: [Float]

    package init(filter: ResampleTable.Filter, fit: Fit, mean: [Float], deviation: [Float]) {
        self.filter = filter
        self.fit = fit
        self.mean = mean
        self.deviation = deviation
    }

    /// The transform of every Perception Encoder (perception_models: core/vision_encoder/transforms.py): bilinear,
    /// aspect ratio not kept, mean and deviation 0.5.
    package static let official = ImageTransform(
        filter: .bilinear, fit: .squash, mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5])

    /// How an upright image of this size is resized.
    ///
    /// - Parameters:
    ///   - filter: nearest for palette images, which Pillow never interpolates.
    ///   - arithmetic: whose results are wanted.
    package func tables(
        width: Int, height: Int, resultWidth: Int, resultHeight: Int, filter: ResampleTable.Filter,
        arithmetic: ResizeArithmetic = .pillow
    ) -> ResizeTables {
        guard case .centreCrop(let fraction) = fit else {
            return ResizeTables(
                width: (width, resultWidth), height: (height, resultHeight), filter: filter, arithmetic: arithmetic)
        }
        // torchvision's Resize and CenterCrop: the longer side is truncated, the offset rounded half to even.
        let shorter = Int((Double(min(resultWidth, resultHeight)) / fraction).rounded(.down))
        let (fullWidth, fullHeight) =
            width <= height ? (shorter, shorter * height / width) : (shorter * width / height, shorter)
        func crop(_ full: Int, _ wanted: Int) -> Range<Int> {
            let start = Int((Double(full - wanted) / 2).rounded(.toNearestOrEven))
            return start..<start + wanted
        }
        return ResizeTables(
            width: (width, fullWidth), height: (height, fullHeight),
            crop: (crop(fullWidth, resultWidth), crop(fullHeight, resultHeight)), filter: filter,
            arithmetic: arithmetic)
    }
}
