/// What kind of thing went wrong, as far as a caller does something else about it.
package enum FaultKind: Hashable, Sendable, CaseIterable {
    /// The request makes no sense.
    case usage
    /// A file is damaged, hostile or of an unknown kind.
    case badData
    /// A file is not there.
    case missingInput
    /// There is no usable device, driver or network.
    case unavailable
    /// Percept or a driver is at fault.
    case internalFault
    /// A result cannot be written.
    case outputFault
    /// It may work later, or with more memory or disk.
    case temporary
    /// The system or a publisher forbids it.
    case noPermission
}

/// An error that knows its kind: each layer says of its own errors what the layers above would have to guess from words.
package protocol KnownFault: Error, CustomStringConvertible {
    var kind: FaultKind { get }
    /// Whether a device stopped answering, so that nothing that was opened on it works any longer.
    var isDeviceLost: Bool { get }
}

extension KnownFault {
    package var isDeviceLost: Bool { false }
}
