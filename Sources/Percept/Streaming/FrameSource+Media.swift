#if Media
    import Foundation
    import PerceptMedia
    import Synchronization

    /// How a source is opened, as far as it has a choice.
    public struct FrameSourceOptions: Sendable, Hashable {
        /// How a camera sends its pixels.
        public enum CameraFormat: String, Sendable, CaseIterable {
            /// Two planes: full brightness, and colour at half of both sides.
            case nv12
            /// Colour at half of the width.
            case yuyv
            /// As ``yuyv``, with colour first.
            case uyvy
            /// As ``yuyv``, with the two colours exchanged.
            case yvyu
            /// As ``uyvy``, with the two colours exchanged.
            case vyuy
            /// Three planes, colour at half of both sides.
            case yu12
            /// As ``yu12``, with the two colours exchanged.
            case yv12
            /// As ``nv12``, with the two colours exchanged.
            case nv21
            /// Two planes, colour at half of the width.
            case nv16
            /// Three planes, colour at half of the width.
            case yuv422p
            /// Red, green and blue.
            case rgb
            /// Blue, green and red.
            case bgr
            /// Blue, green, red and a byte that says nothing.
            case bgrx
            /// Red, green, blue and a byte that says nothing.
            case rgbx
            /// A byte that says nothing, red, green and blue.
            case xrgb
            /// Compressed frames, which larger sizes need.
            case mjpeg
            /// No colour.
            case grey
            /// No colour, in 16 bits.
            case y16
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

        /// Seconds that a network source may take to open, all in all, and for which it, or a camera, may send nothing
        /// before it counts as lost.
        public var timeout = 10.0
        /// Whether servers that are spoken to over TLS (`https://`) must show a certificate for their name by an authority
        /// that is trusted: by the system, or by the file that the variable `SSL_CERT_FILE` names. FFmpeg checks none for
        /// `rtsps://`, which is refused unless this is false.
        public var checksCertificates = true

        /// As the source has it.
        public init() {}

        var live: LiveOptions {
            var options = LiveOptions()
            if let width, let height { options.size = (width, height) }
            options.frameRate = frameRate
            options.pixelFormat = cameraFormat.flatMap { CameraPixelFormat(rawValue: $0.rawValue) }
            options.asFastAsPossible = asFastAsPossible
            options.reconnection.patience = timeout
            options.checksCertificates = checksCertificates
            return options
        }
    }

    extension FrameSource {
        /// Opens a source by its name: a camera (`/dev/video0`), a file, an address (`rtsp://`, `http://`, `udp://` and
        /// others), `-` for standard input, a directory or a pattern of images, or `test:` for moving shapes.
        ///
        /// This waits for a network source, ``FrameSourceOptions/timeout`` seconds at the most, or a pipe's writer, as long
        /// as it takes; ``open(_:options:)`` is the same with a wait that can be cancelled.
        ///
        /// - Throws: ``PerceptError`` naming the source and the fault: ``PerceptError/Code/missingInput``,
        ///   ``PerceptError/Code/badData``, ``PerceptError/Code/noPermission`` for a camera that may not be opened,
        ///   ``PerceptError/Code/temporary`` for one that is in use, ``PerceptError/Code/unavailable`` for a network that
        ///   does not answer or a server whose certificate is refused, ``PerceptError/Code/usage`` for a name that cannot
        ///   be one.
        public init(_ name: String, options: FrameSourceOptions = FrameSourceOptions()) throws(PerceptError) {
            self.init(try PerceptError.wrap { try LiveInput.open(name, options.live) })
        }

        /// Opens a source by its name on a thread of its own.
        ///
        /// Cancelling the task ends the wait at once. What was being opened is let go of within a fraction of a second, or
        /// when the system has ended looking up a host's name, which nothing interrupts.
        ///
        /// - Throws: ``PerceptError`` as ``init(_:options:)``, and ``PerceptError/Code/cancelled``.
        public static func open(
            _ name: String, options: FrameSourceOptions = FrameSourceOptions()
        ) async throws(PerceptError) -> FrameSource {
            let signal = try PerceptError.wrap { try StopSignal() }
            let answer = Answer()
            let result = await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    answer.isAwaited(by: continuation)
                    // Cancelled before there was anybody to tell.
                    guard !Task.isCancelled else { return answer.cancel() }
                    let thread = Thread {
                        let opened = Result<FrameSource, any Error> {
                            FrameSource(try LiveInput.open(name, options.live, stoppedBy: signal))
                        }
                        if !answer.give(opened) { signal.stop() }
                    }
                    thread.name = "percept.open"
                    thread.start()
                }
            } onCancel: {
                signal.stop()
                answer.cancel()
            }
            return try PerceptError.wrap { try result.get() }
        }

        /// The first answer is given, and no other.
        private final class Answer: Sendable {
            private let continuation = Mutex<CheckedContinuation<Result<FrameSource, any Error>, Never>?>(nil)

            func isAwaited(by continuation: CheckedContinuation<Result<FrameSource, any Error>, Never>) {
                self.continuation.withLock { $0 = continuation }
            }

            /// False when nobody waits for it any longer.
            func give(_ result: Result<FrameSource, any Error>) -> Bool {
                let waiting = continuation.withLock { waiting in
                    defer { waiting = nil }
                    return waiting
                }
                waiting?.resume(returning: result)
                return waiting != nil
            }

            func cancel() { _ = give(.failure(CancellationError())) }
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
                            format: mode.code,
                            isUsable: CameraPixelFormat.allCases.contains { $0.codes.contains(mode.code) },
                            width: mode.width, height: mode.height, rates: mode.rates)
                    }, problem: camera.problem.map { PerceptError($0) })
            }
        }
    }
#endif
