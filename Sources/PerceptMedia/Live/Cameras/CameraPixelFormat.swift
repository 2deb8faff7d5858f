/// How a camera sends its pixels, as far as they are taken, the most welcome first.
package enum CameraPixelFormat: String, Sendable, CaseIterable {
    /// Y, and a plane of Cb, Cr pairs at half of both sides.
    case nv12
    /// Y, Cb, Y, Cr for every two pixels.
    case yuyv
    case uyvy
    case yvyu
    case vyuy
    /// Y, Cb and Cr in planes, chroma at half of both sides.
    case yu12
    /// The same with Cr before Cb.
    case yv12
    /// As `nv12`, with Cr before Cb.
    case nv21
    /// Y, and a plane of Cb, Cr pairs at half of the width.
    case nv16
    /// Y, Cb and Cr in planes, chroma at half of the width.
    case yuv422p
    case rgb
    case bgr
    /// Four bytes to a pixel, of which the last says nothing here.
    case bgrx
    case rgbx
    /// The same with the idle byte in front.
    case xrgb
    case mjpeg
    case grey
    /// Grey of 16 bits, of which the higher eight are taken.
    case y16

    /// V4L2's codes. Those with an `M`, for devices with a piece of memory for each plane, mean the same samples.
    package var codes: [String] {
        switch self {
        case .nv12: ["NV12", "NM12"]
        case .yuyv: ["YUYV"]
        case .uyvy: ["UYVY"]
        case .yvyu: ["YVYU"]
        case .vyuy: ["VYUY"]
        case .yu12: ["YU12", "YM12"]
        case .yv12: ["YV12", "YM21"]
        case .nv21: ["NV21", "NM21"]
        case .nv16: ["NV16", "NM16"]
        case .yuv422p: ["422P", "YM16"]
        case .rgb: ["RGB3"]
        case .bgr: ["BGR3"]
        case .bgrx: ["XR24", "AR24", "BGR4"]
        case .rgbx: ["XB24", "AB24"]
        case .xrgb: ["BX24", "BA24", "RGB4"]
        case .mjpeg: ["MJPG", "JPEG"]
        case .grey: ["GREY"]
        case .y16: ["Y16 "]
        }
    }

    init?(code: String) {
        guard let found = Self.allCases.first(where: { $0.codes.contains(code) }) else { return nil }
        self = found
    }

    /// True where there is no colour.
    var isGrey: Bool { self == .grey || self == .y16 }
}
