import PerceptModels

/// A rectangle in pixels of an upright image.
public struct Region: Sendable, Hashable {
    /// The sides, from the image's upper left corner.
    public let left, top, right, bottom: Double

    /// Nil where the sides are not numbers or leave nothing between them.
    public init?(left: Double, top: Double, right: Double, bottom: Double) {
        guard [left, top, right, bottom].allSatisfy(\.isFinite), left < right, top < bottom else { return nil }
        self.left = left
        self.top = top
        self.right = right
        self.bottom = bottom
    }

    /// A text with every `<|bbox0|>`, `<|bbox1|>` ... replaced by the region of that number as the model writes them: in
    /// thousandths of the image's width and height.
    ///
    /// - Throws: ``PerceptError`` with ``PerceptError/Code/usage`` for a region that is not given.
    public static func inserted(_ regions: [Region], of image: Image, into text: String) throws(PerceptError) -> String
    {
        try PerceptError.wrap {
            let boxes = try regions.enumerated().map { index, region in
                guard
                    let box = RegionBox(
                        x: region.left, y: region.top, width: region.right - region.left,
                        height: region.bottom - region.top, imageWidth: image.width, imageHeight: image.height)
                else { throw PLMInputError.faultyBox(index: index) }
                return box
            }
            return try RegionBox.replacingPlaceholders(in: text, with: boxes)
        }
    }
}
