import CPerceptMedia
import Foundation

/// A camera and what it can send.
///
/// Linux has them through V4L2. Elsewhere none is found: macOS would list AVFoundation's devices and Windows those of
/// DirectShow here (FFmpeg's input formats `avfoundation` and `dshow`), and `LiveInput` would open them by name.
package struct Camera: Sendable, Equatable {
    /// Pictures of one pixel format and size, or of a range of sizes.
    package struct Mode: Sendable, Equatable {
        /// V4L2's four characters: `MJPG`, `YUYV`, `NV12`, or what is not taken from a camera.
        package let code: String
        /// One value where the size is fixed.
        package let width: ClosedRange<Int>
        package let height: ClosedRange<Int>
        /// Frames a second, from low to high; one value each where rates are fixed, none where the driver does not tell.
        package let rates: [ClosedRange<Double>]

        package init(code: String, width: ClosedRange<Int>, height: ClosedRange<Int>, rates: [ClosedRange<Double>]) {
            self.code = code
            self.width = width
            self.height = height
            self.rates = rates
        }
    }

    /// `/dev/video0`
    package let path: String
    package let name: String
    package let driver: String
    /// Where it is plugged in.
    package let bus: String
    package let modes: [Mode]
    /// Why nothing more than the path is known.
    package let problem: MediaError?

    /// Every camera of this machine, those included that cannot be opened. Nodes of a camera that carry no pictures are
    /// left out.
    package static func all() -> [Camera] {
        // Nodes are numbered from 0 and may have gaps.
        (0..<64).compactMap { number in
            let path = "/dev/video\(number)"
            do throws(MediaError.Fault) {
                return try CameraDevice(path).camera
            } catch {
                switch error {
                case .missing, .noCamera, .unsupported: return nil
                default: break
                }
                return Camera(
                    path: path, name: "", driver: "", bus: "", modes: [], problem: MediaError(file: path, fault: error))
            }
        }
    }

    /// What to say of a path without a device.
    static var absence: MediaError.Fault {
        let others = all().map(\.path)
        return .noCamera(
            others.isEmpty
                ? "there is no /dev/video* at all: see whether it is plugged in and its driver loaded "
                    + "(`ls /dev/video*`, `dmesg`); a container needs the device passed on"
                : "there is \(others.joined(separator: ", "))")
    }

    /// True for names that can only be meant as a camera's.
    static func isName(_ name: String) -> Bool { name.hasPrefix("/dev/video") }
}

extension MediaError.Fault {
    /// The fault behind a negative result of a camera's function.
    init(camera path: String, _ code: Int32, _ activity: String) {
        switch -code {
        case ENOENT: self = .missing
        case ENOSYS: self = .noCamera("cameras are opened through V4L2, which this system does not have")
        case EACCES, EPERM:
            self = .notPermitted(
                "cameras are for members of the group `video`: `sudo usermod -aG video $USER`, then log in anew")
        case EBUSY: self = .busy("`fuser -v \(path)` names it")
        case ENODEV, ENXIO: self = .lost("the camera was unplugged")
        case ENOTTY: self = .unsupported("no camera")
        default: self = .unreadable("\(activity): \(String(cString: strerror(-code)))")
        }
    }
}
