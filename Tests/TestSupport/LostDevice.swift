import Foundation

/// A Vulkan layer for a process that is started with `environment`, which takes its devices away
/// (`Fixtures/device/lost_device.c`).
package final class LostDevice: Sendable {
    private let folder: TemporaryFolder
    private let submissions: String

    /// Compiles the layer.
    ///
    /// - Parameter submissions: at which the first device is lost, and those that follow, counted from 1 since something
    ///   was last recorded.
    package init(at submissions: [Int]) throws {
        folder = try TemporaryFolder()
        self.submissions = submissions.map(String.init).joined(separator: ",")
        let library = folder.url.appending(path: "lost_device.so").path
        try CompiledLibrary.make("Tests/Fixtures/device/lost_device.c", at: library)
        let manifest = """
            {"file_format_version": "1.1.2", "layer": {"name": "VK_LAYER_PERCEPT_lost_device", "type": "GLOBAL",
            "library_path": "\(library)", "api_version": "1.3.0", "implementation_version": "1",
            "description": "loses devices"}}
            """
        _ = try folder.write(Array(manifest.utf8), "lost_device.json")
    }

    /// Variables for the process whose devices are to be lost.
    package var environment: [String: String] {
        [
            "VK_ADD_LAYER_PATH": folder.url.path, "VK_INSTANCE_LAYERS": "VK_LAYER_PERCEPT_lost_device",
            "PERCEPT_LOST_AT": submissions,
        ]
    }
}
