#if Media
    import PerceptMedia

    /// How a source is opened, as far as it has a choice.
    public struct FrameSourceOptions: Sendable, Hashable {
        /// How a camera sends its pixels.
        public enum CameraFormat: String, Sendable, CaseIterable {
            /// Two planes: full brightness, and colour at half of both sides.
            case nv12
            /// Colour at half of the width.
            case yuyv
            /// Compressed frames, which larger sizes need.
            case mjpeg
        }

        /// Pixels across that a camera is asked for, with `height`; it may offer others only.
        public var width: Int?
        /// Rows that a camera is asked for.
        public var height: Int?
        /// Frames a second that a camera is asked for, or that a sequence of images has.
        public var frameRate: Double?
        /// What a camera is asked for; nil leaves it to the sizes and rates.
        public var cameraFormat: CameraFormat?
        /// Whether files and image sequences are read as fast as frames are taken, instead of at their own rate.
        public var asFastAsPossible = false

        /// As the source has it.
        public init() {}

        var live: LiveOptions {
            var options = LiveOptions()
            if let width, let height { options.size = (width, height) }
            options.frameRate = frameRate
            options.pixelFormat = cameraFormat.flatMap { CameraPixelFormat(rawValue: $0.rawValue) }
            options.asFastAsPossible = asFastAsPossible
            return options
        }
    }

    extension FrameSource {
        /// Opens a source by its name: a camera (`/dev/video0`), a file, an address (`rtsp://`, `http://`, `udp://` and
        /// others), `-` for standard input, a directory or a pattern of images, or `test:` for moving shapes.
        ///
        /// - Throws: ``PerceptError`` naming the source and the fault: ``PerceptError/Code/missingInput``,
        ///   ``PerceptError/Code/badData``, ``PerceptError/Code/noPermission`` for a camera that may not be opened,
        ///   ``PerceptError/Code/temporary`` for one that is in use, ``PerceptError/Code/unavailable`` for a network that
        ///   does not answer, ``PerceptError/Code/usage`` for a name that cannot be one.
        public init(_ name: String, options: FrameSourceOptions = FrameSourceOptions()) throws(PerceptError) {
            self.init(try PerceptError.wrap { try LiveInput.open(name, options.live) })
        }
    }

    /// A camera of this machine.
    public struct CameraDescription: Sendable {
        /// Sizes and rates of one format of pixels. A range of one value is a fixed one.
        public struct Mode: Sendable {
            /// Four characters: `MJPG`, `YUYV`, `NV12` or others.
            public let format: String
            /// Whether Percept takes frames of this format.
            public let isUsable: Bool
            /// Pixels across.
            public let width: ClosedRange<Int>
            /// Rows.
            public let height: ClosedRange<Int>
            /// Frames a second; empty where the driver does not tell.
            public let rates: [ClosedRange<Double>]
        }

        /// What ``FrameSource`` opens it by.
        public let path: String
        /// As the driver has it.
        public let name: String
        /// Of the driver.
        public let driver: String
        /// Where it is plugged in.
        public let bus: String
        /// What it can send.
        public let modes: [Mode]
        /// Why nothing more than the path is known; nil where more is.
        public let problem: PerceptError?

        /// All cameras, those included that may not be opened.
        public static func all() -> [CameraDescription] {
            Camera.all().map { camera in
                CameraDescription(
                    path: camera.path, name: camera.name, driver: camera.driver, bus: camera.bus,
                    modes: camera.modes.map { mode in
                        Mode(
                            format: mode.code, isUsable: CameraPixelFormat.allCases.contains { $0.code == mode.code },
                            width: mode.width, height: mode.height, rates: mode.rates)
                    }, problem: camera.problem.map { PerceptError($0) })
            }
        }
    }
#endif
