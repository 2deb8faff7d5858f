import CPerceptVulkan
import Glibc

/// The Vulkan loader, opened at run time so that a machine without one can be told what it lacks.
struct Loader: Sendable {
    let getInstanceProcAddr: PFN_vkGetInstanceProcAddr

    /// The library stays open for the life of the process: drivers leave thread-local destructors behind.
    init(names: [String]) throws(VulkanSetupError) {
        for name in names {
            guard let library = dlopen(name, RTLD_NOW | RTLD_LOCAL) else { continue }
            guard let symbol = dlsym(library, "vkGetInstanceProcAddr") else { continue }
            getInstanceProcAddr = unsafeBitCast(symbol, to: PFN_vkGetInstanceProcAddr.self)
            return
        }
        throw .loaderMissing(tried: names)
    }

    /// The function `name` of `instance`, or a global function when `instance` is nil.
    func find<F>(_ name: String, _ instance: Handle?, as type: F.Type) -> F? {
        getInstanceProcAddr(instance?.raw, name).map { unsafeBitCast($0, to: type) }
    }

    func require<F>(_ name: String, _ instance: Handle?, as type: F.Type = F.self) throws(VulkanSetupError) -> F {
        guard let function = find(name, instance, as: type) else { throw .functionMissing(name) }
        return function
    }
}

/// The shared libraries in this process.
enum LoadedLibraries {
    /// Runs `body` and keeps what it loads for the life of the process.
    ///
    /// The Vulkan loader unloads a driver with the last instance. A process that ends while another thread drops that
    /// instance would come back from the driver's exit handler to code that has gone.
    static func keeping<Success, Failure: Error>(_ body: () throws(Failure) -> Success) throws(Failure) -> Success {
        let before = names
        let result = try body()
        for name in names.subtracting(before) {
            // What it adds to the count of users is never taken off.
            _ = dlopen(name, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE)
        }
        return result
    }

    private static var names: Set<String> {
        var names: Set<String> = []
        withUnsafeMutablePointer(to: &names) { names in
            percept_each_library(
                { name, names in
                    guard let name, let names else { return }
                    names.assumingMemoryBound(to: Set<String>.self).pointee.insert(String(cString: name))
                }, names)
        }
        return names
    }
}
