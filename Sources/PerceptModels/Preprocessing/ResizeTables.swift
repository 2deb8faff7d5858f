/// One resize as the pixel kernels do it: the taps of both axes, and which axis comes first.
///
/// The intermediate picture is rounded to 8 bits, so the order is visible in single values.
package struct ResizeTables: Hashable, Sendable {
    package let horizontal: ResampleTable
    package let vertical: ResampleTable
    /// Whether the vertical pass is the first. Pillow takes it first since version 13 where the height shrinks by more
    /// than twice the pixels that the width loses (Pillow: Resample.c); before, the horizontal pass always was.
    package let columnsFirst: Bool

    /// - Parameters:
    ///   - width, height: sides before and after, in pixels.
    ///   - crop: the part of the result that is wanted; nil for all of it.
    ///   - arithmetic: whose results are wanted.
    package init(
        width: (source: Int, result: Int), height: (source: Int, result: Int),
        crop: (width: Range<Int>, height: Range<Int>)? = nil, filter: ResampleTable.Filter,
        arithmetic: ResizeArithmetic = .pillow
    ) {
        horizontal = ResampleTable(
            source: width.source, result: width.result, crop: crop?.width, filter: filter, arithmetic: arithmetic)
        vertical = ResampleTable(
            source: height.source, result: height.result, crop: crop?.height, filter: filter, arithmetic: arithmetic)
        let heightLoss = height.source - height.result
        columnsFirst = arithmetic == .pillow && heightLoss > 0 && heightLoss > 2 * (width.source - width.result)
    }
}
