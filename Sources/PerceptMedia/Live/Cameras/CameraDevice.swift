import CPerceptMedia
import Foundation
import PerceptFrame

/// An open V4L2 device.
///
/// It belongs to the thread that uses it.
struct CameraDevice: ~Copyable {
    private let path: String
    private let device: OpaquePointer
    private let identity: percept_camera_identity

    init(_ path: String) throws(MediaError.Fault) {
        var device: OpaquePointer?
        let opened = percept_camera_open(path, &device)
        guard opened >= 0, let device else { throw .init(camera: path, opened, "opening") }
        var identity = percept_camera_identity()
        let result = percept_camera_identify(device, &identity)
        guard result >= 0, identity.captures != 0 else {
            percept_camera_close(device)
            guard result < 0 else { throw .unsupported("no camera: the device sends no pictures") }
            throw .init(camera: path, result, "asking for its name")
        }
        self.path = path
        self.device = device
        self.identity = identity
    }

    deinit { percept_camera_close(device) }

    var descriptor: Int32 { percept_camera_descriptor(device) }

    /// What there is to choose from.
    var camera: Camera {
        func text<T>(_ characters: T) -> String {
            withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        }
        return Camera(
            path: path, name: text(identity.name), driver: text(identity.driver), bus: text(identity.bus), modes: modes,
            problem: nil)
    }

    private var modes: [Camera.Mode] {
        entries { index in
            var format: UInt32 = 0
            return percept_camera_format(device, index, &format) < 0 ? nil : format
        }.flatMap { format -> [Camera.Mode] in
            let sizes = entries { index -> percept_camera_sizes? in
                var sizes = percept_camera_sizes()
                return percept_camera_size(device, format, index, &sizes) < 0 ? nil : sizes
            }
            let code = Self.code(format)
            // Old drivers do not list sizes and take the nearest that they have.
            guard !sizes.isEmpty else { return [Camera.Mode(code: code, width: 1...8192, height: 1...8192, rates: [])] }
            return sizes.map { size in
                let rates = entries { index -> ClosedRange<Double>? in
                    var rates = percept_camera_rates()
                    let result = percept_camera_rate(
                        device, format, size.largest_width, size.largest_height, index, &rates)
                    guard result >= 0, rates.least_denominator > 0, rates.largest_denominator > 0 else { return nil }
                    let (low, high) = (
                        Double(rates.least_numerator) / Double(rates.least_denominator),
                        Double(rates.largest_numerator) / Double(rates.largest_denominator)
                    )
                    return min(low, high)...max(low, high)
                }
                return Camera.Mode(
                    code: code, width: Self.range(size.least_width, size.largest_width),
                    height: Self.range(size.least_height, size.largest_height),
                    rates: rates.sorted { $0.upperBound < $1.upperBound })
            }
        }
    }

    /// What a function gives for index 0, 1, ..., up to the first that has none; a driver that never ends is cut short.
    private func entries<Entry>(_ entry: (UInt32) -> Entry?) -> [Entry] {
        var found: [Entry] = []
        while found.count < 256, let next = entry(UInt32(found.count)) { found.append(next) }
        return found
    }

    private static func range(_ least: UInt32, _ largest: UInt32) -> ClosedRange<Int> {
        Int(min(least, largest))...Int(max(least, largest))
    }

    /// The four characters of a pixel format.
    private static func code(_ format: UInt32) -> String {
        String(decoding: (0..<4).map { UInt8(truncatingIfNeeded: format >> (8 * $0)) }, as: UTF8.self)
    }

    private static func number(_ code: String) -> UInt32 {
        code.utf8.reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// Sets a mode; what the driver made of it.
    func configure(_ choice: CameraChoice) throws(MediaError.Fault) -> percept_camera_mode {
        var mode = percept_camera_mode()
        mode.pixel_format = Self.number(choice.code)
        mode.width = UInt32(choice.width)
        mode.height = UInt32(choice.height)
        if let rate = choice.rate {
            mode.interval_numerator = 1000
            mode.interval_denominator = UInt32((rate * 1000).rounded())
        }
        let result = percept_camera_configure(device, &mode)
        guard result >= 0 else { throw .init(camera: path, result, "setting \(choice)") }
        guard mode.pixel_format == Self.number(choice.code) else {
            throw .unsupported("the camera sends \(Self.code(mode.pixel_format)) where \(choice) was asked for")
        }
        try StillImage.checkSize(width: Int(mode.width), height: Int(mode.height))
        return mode
    }

    /// Starts to send.
    ///
    /// Four buffers: one being filled, one being read, and two for a reader that comes late.
    func start() throws(MediaError.Fault) {
        let result = percept_camera_start(device, 4)
        guard result >= 0 else { throw .init(camera: path, result, "starting") }
    }

    /// Lends the next picture; nil when none has come.
    func take<Result>(
        _ body: (percept_camera_picture) throws(MediaError.Fault) -> Result
    ) throws(MediaError.Fault) -> Result? {
        var picture = percept_camera_picture()
        let taken = percept_camera_take(device, &picture)
        if taken == -EAGAIN { return nil }
        guard taken >= 0 else { throw .init(camera: path, taken, "reading") }
        let result = try body(picture)
        let given = percept_camera_give_back(device, picture.index)
        guard given >= 0 else { throw .init(camera: path, given, "reading") }
        return result
    }
}
