/// A Vulkan handle.
///
/// Sendable because a handle is only a name; the calls that need external synchronisation are made by owners that
/// hold a lock or are confined to one thread.
struct Handle: @unchecked Sendable, Hashable {
    let raw: OpaquePointer

    init(_ raw: OpaquePointer) { self.raw = raw }
}
