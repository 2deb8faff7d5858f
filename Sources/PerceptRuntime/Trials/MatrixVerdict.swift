/// What came of trying a kernel for matrix units on a device.
package enum MatrixVerdict: Hashable, Sendable, Codable {
    /// It computes what it should, `times` as fast as the portable kernel.
    case faster(times: Double)
    /// It computes what it should, but only `times` as fast as the portable kernel: emulated, most likely.
    case slower(times: Double)
    /// A result was off, by this part of its largest element.
    case wrong(error: Double)
    /// It did not run.
    case failed(reason: String)
    /// Not worth a trial: the product on the same units is slow or wrong.
    case untried

    package var isUsed: Bool { if case .faster = self { true } else { false } }
}
