/// The number of elements of `shape`, or nil if it has a negative side or more elements than an `Int` counts.
///
/// A side of zero is left out of that second rule: the strides of a tensor without elements are products of its other
/// sides.
package func elementCount(_ shape: [Int]) -> Int? {
    var count = 1
    for side in shape {
        guard side >= 0 else { return nil }
        let (product, overflow) = count.multipliedReportingOverflow(by: max(side, 1))
        if overflow { return nil }
        count = product
    }
    return shape.contains(0) ? 0 : count
}
