import CPerceptVulkan
import Synchronization

/// What tests see of, and do to, the Vulkan calls made through one instance.
///
/// Every fallible call passes `check`. A planned failure replaces the call: the driver is not asked.
package final class FaultInjection: Sendable {
    private struct State {
        var made = CallCounts()
        var planned: [String: [Int: Int32]] = [:]
        var liveObjects = 0
        var memoryLimit: UInt64?
    }

    private let state = Mutex(State())

    package init() {}

    /// Makes the `occurrence`-th call of `call` from now on fail with `code`, once.
    package func fail(_ call: String, occurrence: Int = 1, with code: Int32) {
        state.withLock { $0.planned[call, default: [:]][$0.made.byName[call, default: 0] + occurrence] = code }
    }

    /// Bytes that `Device.availableMemory` takes a device to have in all; nil for what there is.
    package var memoryLimit: UInt64? {
        get { state.withLock { $0.memoryLimit } }
        set { state.withLock { $0.memoryLimit = newValue } }
    }

    /// How often each fallible call was made, planned failures included.
    package var callsMade: [String: Int] { state.withLock { $0.made.byName } }

    /// Vulkan objects created and memory allocated, less those destroyed and freed.
    package var liveObjects: Int { state.withLock { $0.liveObjects } }

    /// Makes `call`, or fails in its place, and turns a negative result into an error.
    ///
    /// - Returns: the result, which may be one of the positive codes.
    @discardableResult
    func check(_ call: StaticString, _ body: () -> VkResult) throws(VulkanError) -> VkResult {
        let planned: Int32? = state.withLock { state in
            state.made.add(call)
            guard !state.planned.isEmpty else { return nil }
            let name = call.description
            return state.planned[name]?.removeValue(forKey: state.made.byName[name, default: 0])
        }
        if let planned { throw VulkanError(code: planned, call: call.description) }
        let result = body()
        guard result.rawValue >= 0 else { throw VulkanError(code: result.rawValue, call: call.description) }
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

/// How often calls were made. Counting allocates nothing for a call that is known, since calls are made for each frame of a
/// stream.
private struct CallCounts {
    /// By the place of the name in the program; a name may have several.
    private var entries: [(call: StaticString, count: Int)] = []

    mutating func add(_ call: StaticString) {
        for index in entries.indices where entries[index].call.utf8Start == call.utf8Start {
            entries[index].count += 1
            return
        }
        entries.append((call, 1))
    }

    var byName: [String: Int] {
        Dictionary(entries.map { ($0.call.description, $0.count) }, uniquingKeysWith: +)
    }
}
