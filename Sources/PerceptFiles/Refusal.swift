/// An error that is a sentence for the person who asked, and a kind.
package struct Refusal: KnownFault {
    package let kind: FaultKind
    package let description: String
    /// The error that it puts into words, if any.
    package let cause: (any Error)?

    package init(_ kind: FaultKind, _ description: String, cause: (any Error)? = nil) {
        self.kind = kind
        self.description = description
        self.cause = cause
    }

    package var isDeviceLost: Bool { (cause as? any KnownFault)?.isDeviceLost ?? false }
}
