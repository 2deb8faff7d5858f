import CPerceptMedia
import PerceptFrame

/// How raw pictures of a camera lie in its memory, and how they get into a layout that is known here.
struct CameraPacking {
    /// A plane as the camera has it.
    private struct Plane {
        let bytesInRow: Int
        let rowBytes: Int
        let rows: Int
        /// The piece of memory that it lies in, and where there.
        let piece: Int
        let offset: Int
    }

    let layout: DecodedFrame.Layout
    private let format: CameraPixelFormat
    private let width: Int
    private let height: Int
    private let planes: [Plane]

    /// Nil for compressed pictures.
    init?(_ format: CameraPixelFormat, _ mode: percept_camera_mode) {
        self.format = format
        width = Int(mode.width)
        height = Int(mode.height)
        let (halfWidth, halfHeight) = ((width + 1) / 2, (height + 1) / 2)
        /// Bytes of samples in a row, rows, and how many times shorter its rows are than those of the first plane.
        let shapes: [(bytes: Int, rows: Int, part: Int)]
        switch format {
        case .mjpeg: return nil
        case .nv12, .nv21:
            layout = .nv12
            shapes = [(width, height, 1), (2 * halfWidth, halfHeight, 1)]
        case .nv16:
            layout = .yuv422p
            shapes = [(width, height, 1), (2 * halfWidth, height, 1)]
        case .yu12, .yv12:
            layout = .yuv420p
            shapes = [(width, height, 1), (halfWidth, halfHeight, 2), (halfWidth, halfHeight, 2)]
        case .yuv422p:
            layout = .yuv422p
            shapes = [(width, height, 1), (halfWidth, height, 2), (halfWidth, height, 2)]
        case .yuyv, .uyvy, .yvyu, .vyuy:
            layout = .yuyv422
            shapes = [(4 * halfWidth, height, 1)]
        case .rgb, .bgr:
            layout = .rgb8
            shapes = [(3 * width, height, 1)]
        case .bgrx, .rgbx, .xrgb:
            layout = .rgb8
            shapes = [(4 * width, height, 1)]
        case .grey:
            layout = .gray8
            shapes = [(width, height, 1)]
        case .y16:
            layout = .gray8
            shapes = [(2 * width, height, 1)]
        }
        let stated = withUnsafeBytes(of: mode.row_bytes) { $0.bindMemory(to: UInt32.self).map(Int.init) }
        // Some drivers leave it to the reader to work rows out.
        let widest = shapes.map { $0.bytes * $0.part }.max() ?? 0
        let first = max(stated[0], widest)
        var planes: [Plane] = []
        var offset = 0
        for (index, shape) in shapes.enumerated() {
            if index > 0, mode.planes > 1 {
                planes.append(
                    Plane(
                        bytesInRow: shape.bytes, rowBytes: max(stated[min(index, stated.count - 1)], shape.bytes),
                        rows: shape.rows, piece: index, offset: 0))
            } else {
                let rowBytes = first / shape.part
                planes.append(
                    Plane(bytesInRow: shape.bytes, rowBytes: rowBytes, rows: shape.rows, piece: 0, offset: offset))
                offset += rowBytes * shape.rows
            }
        }
        guard mode.planes == 1 || mode.planes >= shapes.count else { return nil }
        self.planes = planes
    }

    /// Bytes that are missing in a picture, 0 for a whole one. The last row need not have what lies behind its pixels.
    func missing(_ picture: percept_camera_picture) -> Int {
        withUnsafeBytes(of: picture.size) { sizes in
            planes.reduce(0) { missing, plane in
                let end = plane.offset + plane.rowBytes * (plane.rows - 1) + plane.bytesInRow
                guard plane.piece < picture.planes else { return max(missing, end) }
                let size = sizes.loadUnaligned(fromByteOffset: 4 * plane.piece, as: UInt32.self)
                return max(missing, end - Int(size))
            }
        }
    }

    /// Room for a picture in its layout.
    func makeBuffer() -> PlaneBuffer {
        let (halfWidth, halfHeight) = ((width + 1) / 2, (height + 1) / 2)
        return switch layout {
        case .nv12: PlaneBuffer([(width, height), (2 * halfWidth, halfHeight)])
        case .yuv420p: PlaneBuffer([(width, height), (halfWidth, halfHeight), (halfWidth, halfHeight)])
        case .yuv422p: PlaneBuffer([(width, height), (halfWidth, height), (halfWidth, height)])
        case .yuyv422: PlaneBuffer([(4 * halfWidth, height)])
        case .rgb8: PlaneBuffer([(3 * width, height)])
        default: PlaneBuffer([(width, height)])
        }
    }

    /// Copies a whole picture out of the driver's memory.
    func copy(_ picture: percept_camera_picture, to buffer: PlaneBuffer) {
        withUnsafeBytes(of: picture.bytes) { pieces in
            for (index, plane) in planes.enumerated() {
                let place = plane.piece * MemoryLayout<UnsafePointer<UInt8>?>.stride
                guard let start = pieces.load(fromByteOffset: place, as: UnsafePointer<UInt8>?.self) else { continue }
                for y in 0..<plane.rows {
                    copyRow(start + plane.offset + y * plane.rowBytes, y, index, plane, to: buffer)
                }
            }
        }
    }

    private func copyRow(
        _ source: UnsafePointer<UInt8>, _ y: Int, _ index: Int, _ plane: Plane, to buffer: PlaneBuffer
    ) {
        func row(_ plane: Int) -> UnsafeMutablePointer<UInt8> {
            buffer.start(plane) + y * buffer.planes[plane].rowBytes
        }
        let target = row(layout == .yuv422p && format == .nv16 ? 0 : index)
        switch (format, index) {
        case (.yv12, 1...): row(3 - index).update(from: source, count: plane.bytesInRow)
        case (.uyvy, _), (.nv21, 1):
            for x in stride(from: 0, to: plane.bytesInRow, by: 2) {
                (target[x], target[x + 1]) = (source[x + 1], source[x])
            }
        case (.yvyu, _):
            for x in stride(from: 0, to: plane.bytesInRow, by: 4) {
                (target[x], target[x + 1]) = (source[x], source[x + 3])
                (target[x + 2], target[x + 3]) = (source[x + 2], source[x + 1])
            }
        case (.vyuy, _):
            for x in stride(from: 0, to: plane.bytesInRow, by: 4) {
                (target[x], target[x + 1]) = (source[x + 1], source[x + 2])
                (target[x + 2], target[x + 3]) = (source[x + 3], source[x])
            }
        case (.nv16, 1):
            let (cb, cr) = (row(1), row(2))
            for x in 0..<plane.bytesInRow / 2 { (cb[x], cr[x]) = (source[2 * x], source[2 * x + 1]) }
        case (.bgr, _): copyPixels(source, target, step: 3, (2, 1, 0))
        case (.bgrx, _): copyPixels(source, target, step: 4, (2, 1, 0))
        case (.rgbx, _): copyPixels(source, target, step: 4, (0, 1, 2))
        case (.xrgb, _): copyPixels(source, target, step: 4, (1, 2, 3))
        case (.y16, _): for x in 0..<width { target[x] = source[2 * x + 1] }
        default: target.update(from: source, count: plane.bytesInRow)
        }
    }

    private func copyPixels(
        _ source: UnsafePointer<UInt8>, _ target: UnsafeMutablePointer<UInt8>, step: Int, _ places: (Int, Int, Int)
    ) {
        for x in 0..<width {
            target[3 * x] = source[step * x + places.0]
            target[3 * x + 1] = source[step * x + places.1]
            target[3 * x + 2] = source[step * x + places.2]
        }
    }
}
