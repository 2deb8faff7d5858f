import CPerceptVulkan

/// The C structs of one call, linked through `pNext` in the order of appending; freed when the value goes.
struct StructChain: ~Copyable {
    private var links: [UnsafeMutableRawPointer] = []

    /// The first struct, for the `pNext` of a struct that lives elsewhere; nil while the chain is empty.
    var head: UnsafeMutableRawPointer? { links.first }

    /// Copies `value` to the end of the chain; the pointer is good for as long as the chain.
    @discardableResult
    mutating func append<S: BitwiseCopyable>(_ value: S) -> UnsafeMutablePointer<S> {
        let pointer = UnsafeMutablePointer<S>.allocate(capacity: 1)
        pointer.initialize(to: value)
        return link(pointer)
    }

    /// Appends a struct of zeros but for its type, to be filled by the driver or by the caller.
    mutating func appendZeroed<S: BitwiseCopyable>(
        _ type: S.Type, _ structureType: VkStructureType
    ) -> UnsafeMutablePointer<S> {
        let raw = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<S>.size, alignment: MemoryLayout<S>.alignment)
        raw.initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<S>.size)
        raw.storeBytes(of: structureType, as: VkStructureType.self)
        return link(raw.assumingMemoryBound(to: S.self))
    }

    private mutating func link<S>(_ pointer: UnsafeMutablePointer<S>) -> UnsafeMutablePointer<S> {
        let raw = UnsafeMutableRawPointer(pointer)
        links.last?.assumingMemoryBound(to: VkBaseOutStructure.self).pointee.pNext = raw.assumingMemoryBound(
            to: VkBaseOutStructure.self)
        links.append(raw)
        return pointer
    }

    deinit {
        for link in links { link.deallocate() }
    }
}
