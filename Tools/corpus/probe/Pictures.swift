import Foundation
import PerceptFrame
import PerceptMedia

/// Shows what Percept reads from pictures.
///
///     corpus-probe pictures < NAMES
///     corpus-probe pictures decode NAME
///
/// Names come a line each. For each there is a line, `picture WIDTH HEIGHT` and notes separated by tabs, followed by the
/// upright picture's RGB bytes; or `fault` and what is said about the file. With `decode` a file is only decoded, so that it can be
/// measured what that takes.
func probePictures(_ arguments: [String]) throws {
    if arguments.first == "decode", let path = arguments.last {
        do throws(MediaError) {
            let frame = try ImageFile.decode(path)
            print("picture \(frame.uprightWidth) \(frame.uprightHeight)")
        } catch {
            print("fault \(error.fault)")
        }
        // The peak of memory, which the system counts for this program alone.
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8).split(separator: "\n")
        print(status.first { $0.hasPrefix("VmHWM") } ?? "")
        return
    }
    while let path = readLine() {
        do throws(MediaError) {
            let frame = try ImageFile.decode(path)
            let pixels = UprightPixels(frame)
            let line = ["picture \(pixels.width) \(pixels.height)"] + frame.notes
            try? FileHandle.standardOutput.write(
                contentsOf: Data((line.joined(separator: "\t") + "\n").utf8) + Data(pixels.rgb))
        } catch {
            try? FileHandle.standardOutput.write(contentsOf: Data("fault \(error.fault)\n".utf8))
        }
    }
}

/// A decoded frame as upright RGB, computed as the GPU computes it (Shaders/unpack_pixels.comp): libjpeg's interpolation of
/// chroma, then the matrix in 16-bit fixed point. Alpha is dropped.
private struct UprightPixels {
    let width: Int
    let height: Int
    let rgb: [UInt8]

    init(_ frame: DecodedFrame) {
        width = frame.uprightWidth
        height = frame.uprightHeight
        let coded = CodedPixels(frame)
        var upright = [UInt8](repeating: 0, count: 3 * frame.width * frame.height)
        let (right, bottom) = (frame.width - 1, frame.height - 1)
        for y in 0..<height {
            for x in 0..<width {
                let (column, row) =
                    switch frame.orientation {
                    case 2: (right - x, y)
                    case 3: (right - x, bottom - y)
                    case 4: (x, bottom - y)
                    case 5: (y, x)
                    case 6: (y, bottom - x)
                    case 7: (right - y, bottom - x)
                    case 8: (right - y, x)
                    default: (x, y)
                    }
                let (red, green, blue) = coded.pixel(column, row)
                let offset = 3 * (y * width + x)
                (upright[offset], upright[offset + 1], upright[offset + 2]) = (red, green, blue)
            }
        }
        rgb = upright
    }
}

/// The pixels of a frame as coded.
private struct CodedPixels {
    private let frame: DecodedFrame
    private let planes: [[UInt8]]
    private let luma: (scale: Double, offset: Int)
    private let colors: (redFromCr: Int, greenFromCb: Int, greenFromCr: Int, blueFromCb: Int)
    private let isHalfWide: Bool
    private let isHalfHigh: Bool

    init(_ frame: DecodedFrame) {
        self.frame = frame
        planes = frame.planes.indices.map { plane in frame.withUnsafeBytes(ofPlane: plane) { Array($0) } }
        let (red, blue) = frame.colorMatrix.lumaWeights
        let green = 1 - red - blue
        luma = frame.fullRange ? (65536, 0) : (65536 * 255 / 219.0, 16)
        let scale = 65536 * (frame.fullRange ? 1 : 255 / 224.0)
        func fixed(_ value: Double) -> Int { Int((value * scale).rounded()) }
        colors = (
            fixed(2 * (1 - red)), fixed(-2 * (1 - blue) * blue / green), fixed(-2 * (1 - red) * red / green),
            fixed(2 * (1 - blue))
        )
        isHalfWide = frame.layout == .yuv420p || frame.layout == .yuv422p
        isHalfHigh = frame.layout == .yuv420p
    }

    func pixel(_ x: Int, _ y: Int) -> (UInt8, UInt8, UInt8) {
        let row = y * frame.planes[0].rowBytes
        switch frame.layout {
        case .gray8:
            let value = planes[0][row + x]
            return (value, value, value)
        case .rgb8: return (planes[0][row + 3 * x], planes[0][row + 3 * x + 1], planes[0][row + 3 * x + 2])
        case .rgba8: return (planes[0][row + 4 * x], planes[0][row + 4 * x + 1], planes[0][row + 4 * x + 2])
        default: break
        }
        let light = Int((luma.scale * Double(Int(planes[0][row + x]) - luma.offset)).rounded()) + 32768
        let (cb, cr) = (chroma(1, x, y) - 128, chroma(2, x, y) - 128)
        func byte(_ value: Int) -> UInt8 { UInt8(min(max(value >> 16, 0), 255)) }
        return (
            byte(light + colors.redFromCr * cr), byte(light + colors.greenFromCb * cb + colors.greenFromCr * cr),
            byte(light + colors.blueFromCb * cb)
        )
    }

    private func sample(_ plane: Int, _ x: Int, _ y: Int) -> Int {
        let extent = frame.planes[plane]
        let (column, row) = (min(max(x, 0), extent.bytesInRow - 1), min(max(y, 0), extent.rows - 1))
        return Int(planes[plane][row * extent.rowBytes + column])
    }

    private func chroma(_ plane: Int, _ x: Int, _ y: Int) -> Int {
        guard isHalfWide else { return sample(plane, x, y) }
        let (column, row) = (x / 2, isHalfHigh ? y / 2 : y)
        let isOdd = x % 2 == 1
        let isCentred = frame.chromaSiting == .center
        let last = frame.planes[plane].bytesInRow - 1
        if isCentred && last < 2 { return sample(plane, column, row) }
        let side = min(max(isOdd ? column + 1 : column - 1, 0), last)
        let farther = y % 2 == 1 ? row + 1 : row - 1
        func sum(_ column: Int) -> Int {
            isHalfHigh ? 3 * sample(plane, column, row) + sample(plane, column, farther) : sample(plane, column, row)
        }
        guard isCentred else {
            if isHalfHigh { return isOdd ? (sum(column) + sum(column + 1) + 4) >> 3 : (sum(column) + 2) >> 2 }
            return isOdd ? (sum(column) + sum(column + 1) + 1) >> 1 : sum(column)
        }
        if isHalfHigh { return (3 * sum(column) + sum(side) + (isOdd ? 7 : 8)) >> 4 }
        return (3 * sum(column) + sum(side) + (isOdd ? 2 : 1)) >> 2
    }
}
