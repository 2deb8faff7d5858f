import CPerceptVulkan
import Synchronization

/// What tests see of, and do to, the Vulkan calls made through one instance.
///
/// Every fallible call passes `check`. A planned failure replaces the call: the driver is not asked.
package final class FaultInjection: Sendable {
    private struct State {
        var made: [String: Int] = [:]
        var planned: [String: [Int: Int32]] = [:]
        var liveObjects = 0
        var memoryLimit: UInt64?
    }

    private let state = Mutex(State())

    package init() {}

    /// Makes the `occurrence`-th call of `call` from now on fail with `code`, once.
    package func fail(_ call: String, occurrence: Int = 1, with code: Int32) {
        state.withLock { $0.planned[call, default: [:]][$0.made[call, default: 0] + occurrence] = code }
    }

    /// Bytes that `Device.availableMemory` takes a device to have in all; nil for what there is.
    package var memoryLimit: UInt64? {
        get { state.withLock { $0.memoryLimit } }
        set { state.withLock { $0.memoryLimit = newValue } }
    }

    /// How often each fallible call was made, planned failures included.
    package var callsMade: [String: Int] { state.withLock { $0.made } }

    /// Vulkan objects created and memory allocated, less those destroyed and freed.
    package var liveObjects: Int { state.withLock { $0.liveObjects } }

    /// Makes `call`, or fails in its place, and turns a negative result into an error.
    ///
    /// - Returns: the result, which may be one of the positive codes.
    @discardableResult
    func check(_ call: StaticString, _ body: () -> VkResult) throws(VulkanError) -> VkResult {
        let name = call.description
        let planned: Int32? = state.withLock { state in
            let count = state.made[name, default: 0] + 1
            state.made[name] = count
            return state.planned[name]?.removeValue(forKey: count)
        }
        if let planned { throw VulkanError(code: planned, call: name) }
        let result = body()
        guard result.rawValue >= 0 else { throw VulkanError(code: result.rawValue, call: name) }
        return result
    }

    /// `check` for a call that creates an object and stores its handle.
    func create(
        _ call: StaticString, _ body: (UnsafeMutablePointer<OpaquePointer?>) -> VkResult
    ) throws(VulkanError) -> Handle {
        var raw: OpaquePointer?
        try check(call) { body(&raw) }
        guard let raw else { throw VulkanError(code: VK_ERROR_UNKNOWN.rawValue, call: call.description) }
        state.withLock { $0.liveObjects += 1 }
        return Handle(raw)
    }

    /// Notes that an object made by `create` is gone.
    func destroyed() {
        state.withLock { $0.liveObjects -= 1 }
    }

    /// `check` for the calls that report a count first and fill an array then.
    func enumerate<Element>(
        _ call: StaticString, of element: Element,
        _ body: (UnsafeMutablePointer<UInt32>, UnsafeMutablePointer<Element>?) -> VkResult
    ) throws(VulkanError) -> [Element] {
        while true {
            var count: UInt32 = 0
            try check(call) { body(&count, nil) }
            var elements = [Element](repeating: element, count: Int(count))
            guard count > 0 else { return elements }
            let result = try check(call) { elements.withUnsafeMutableBufferPointer { body(&count, $0.baseAddress) } }
            // More elements may have appeared between the two calls.
            if result != VK_INCOMPLETE { return Array(elements.prefix(Int(count))) }
        }
    }
}
