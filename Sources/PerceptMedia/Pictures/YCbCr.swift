/// Colour arithmetic on the CPU for the rare layouts that no GPU kernel unpacks: four-component JPEG, lossy WebP
/// with alpha, and JPEG chroma subsampled in unusual ways.
enum YCbCr {
    /// Doubles or multiplies a chroma plane as libjpeg does by default.
    ///
    /// A factor of two is interpolated with weights 3/4 and 1/4 where the plane is more than two samples wide, the
    /// rest is repeated (libjpeg-turbo: jdsample.c).
    ///
    /// - Parameters:
    ///   - width: samples in a row of `plane`.
    ///   - height: rows of `plane`.
    /// - Returns: `targetWidth` x `targetHeight` samples.
    static func upsample(
        _ plane: UnsafePointer<UInt8>, rowBytes: Int, width: Int, height: Int, horizontal: Int, vertical: Int,
        targetWidth: Int, targetHeight: Int
    ) -> [UInt8] {
        let interpolates = width > 2 && horizontal <= 2 && vertical <= 2
        return [UInt8](unsafeUninitializedCapacity: targetWidth * targetHeight) { target, count in
            count = targetWidth * targetHeight
            var sums = [Int](repeating: 0, count: width)
            for y in 0..<targetHeight {
                let near = plane + min(y / vertical, height - 1) * rowBytes
                guard interpolates, horizontal == 2 || vertical == 2 else {
                    for x in 0..<targetWidth { target[y * targetWidth + x] = near[min(x / horizontal, width - 1)] }
                    continue
                }
                let neighbour = y % 2 == 0 ? y / 2 - 1 : y / 2 + 1
                let far = plane + min(max(neighbour, 0), height - 1) * rowBytes
                for x in 0..<width { sums[x] = vertical == 2 ? 3 * Int(near[x]) + Int(far[x]) : Int(near[x]) }
                for x in 0..<targetWidth {
                    let value: Int
                    if horizontal == 1 {
                        value = (sums[x] + (y % 2 == 0 ? 1 : 2)) >> 2
                    } else {
                        let other = sums[min(max(x % 2 == 0 ? x / 2 - 1 : x / 2 + 1, 0), width - 1)]
                        let sum = 3 * sums[x / 2] + other
                        value =
                            vertical == 2
                            ? (sum + (x % 2 == 0 ? 8 : 7)) >> 4 : (sum + (x % 2 == 0 ? 1 : 2)) >> 2
                    }
                    target[y * targetWidth + x] = UInt8(truncatingIfNeeded: value)
                }
            }
        }
    }

    /// Full-range BT.601 as JFIF has it, in libjpeg's 16-bit fixed point (libjpeg-turbo: jdcolor.c).
    static func rgb(_ y: UInt8, _ cb: UInt8, _ cr: UInt8) -> (r: UInt8, g: UInt8, b: UInt8) {
        let (y, cb, cr) = (Int(y), Int(cb) - 128, Int(cr) - 128)
        return (
            clamp(y + (91881 * cr + 32768) >> 16), clamp(y + (-22554 * cb - 46802 * cr + 32768) >> 16),
            clamp(y + (116130 * cb + 32768) >> 16)
        )
    }

    /// Limited-range BT.601 in the fixed point of WebP's decoder (libwebp: src/dsp/yuv.h).
    static func limitedRGB(_ y: UInt8, _ cb: UInt8, _ cr: UInt8) -> (r: UInt8, g: UInt8, b: UInt8) {
        let luma = (Int(y) * 19077) >> 8
        let (cb, cr) = (Int(cb), Int(cr))
        return (
            clamp((luma + (cr * 26149) >> 8 - 14234) >> 6),
            clamp((luma - (cb * 6419) >> 8 - (cr * 13320) >> 8 + 8708) >> 6),
            clamp((luma + (cb * 33050) >> 8 - 17685) >> 6)
        )
    }

    private static func clamp(_ value: Int) -> UInt8 { UInt8(min(max(value, 0), 255)) }
}
