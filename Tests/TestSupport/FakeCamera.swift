import Foundation

/// Cameras for a process that is started with `environment`: `Fixtures/camera/fake_camera.c`, preloaded.
package final class FakeCamera: Sendable {
    /// A call that fails, with a number of errno.h, after so many times and so many times.
    package enum Call: String, Sendable {
        /// Opening the device, for its list of modes as well.
        case open
        /// Setting pixel format and size.
        case format
        /// Asking for buffers.
        case buffers
        /// Starting to send.
        case start
        /// Taking a picture.
        case take
    }

    package struct Mode: Sendable {
        /// V4L2's four characters.
        package let code: String
        package let width: Int
        package let height: Int
        package let rate: Int
        /// Pictures as the camera sends them, over and over.
        package let pictures: [[UInt8]]

        package init(_ code: String, _ width: Int, _ height: Int, rate: Int, pictures: [[UInt8]]) {
            self.code = code
            self.width = width
            self.height = height
            self.rate = rate
            self.pictures = pictures
        }
    }

    package struct Device: Sendable {
        package var path = "/dev/video0"
        package var name = "Fake Camera"
        /// None stands for a node that sends no pictures.
        package var modes: [Mode]
        /// Colour space, encoding and range, by the numbers of videodev2.h.
        package var colours = (0, 0, 0)
        /// Whether it has the multi-planar interface alone, with a piece of memory for each plane where the format says so.
        package var hasPieces = false
        /// Bytes behind each row of the first plane.
        package var padding = 0
        package var failures: [(call: Call, number: Int32, after: Int, count: Int)] = []

        package init(_ modes: [Mode]) { self.modes = modes }
    }

    private let folder: TemporaryFolder
    private let library: String

    /// Compiles the library and writes what the cameras send.
    package init(_ devices: [Device]) throws {
        folder = try TemporaryFolder()
        library = folder.url.appending(path: "fake_camera.so").path
        try CompiledLibrary.make("Tests/Fixtures/camera/fake_camera.c", at: library)
        var lines = ""
        for (index, device) in devices.enumerated() {
            lines += "device \(device.path) \(device.name.replacing(" ", with: "_"))\n"
            for (number, mode) in device.modes.enumerated() {
                var bytes: [UInt8] = []
                for picture in mode.pictures {
                    bytes += (0..<4).map { UInt8(truncatingIfNeeded: picture.count >> (8 * $0)) } + picture
                }
                let path = try folder.write(bytes, "pictures-\(index)-\(number)")
                lines +=
                    "mode \(mode.code.replacing(" ", with: "_")) \(mode.width) \(mode.height) \(mode.rate) \(path)\n"
            }
            lines += "colours \(device.colours.0) \(device.colours.1) \(device.colours.2)\n"
            if device.hasPieces { lines += "pieces\n" }
            lines += "padding \(device.padding)\n"
            for failure in device.failures {
                lines += "fail \(failure.call.rawValue) \(failure.number) \(failure.after) \(failure.count)\n"
            }
        }
        _ = try folder.write(Array(lines.utf8), "cameras")
    }

    /// Variables for the process that is to have the cameras.
    package var environment: [String: String] {
        ["LD_PRELOAD": library, "PERCEPT_FAKE_CAMERA": folder.url.appending(path: "cameras").path]
    }
}
