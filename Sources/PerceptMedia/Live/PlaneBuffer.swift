import PerceptFrame

/// Memory for the planes of one picture, written again and again.
///
/// `@unchecked Sendable` because its source alone writes it, and only while no frame of it is held (`FrameRing`).
final class PlaneBuffer: FrameStorage, @unchecked Sendable {
    private let bytes: UnsafeMutableRawBufferPointer
    /// Where each plane starts, and bytes from row to row.
    let planes: [(offset: Int, rowBytes: Int)]

    /// - Parameter planes: bytes from row to row, and rows.
    init(_ planes: [(rowBytes: Int, rows: Int)]) {
        var placed: [(offset: Int, rowBytes: Int)] = []
        var end = 0
        for plane in planes {
            placed.append((end, plane.rowBytes))
            end += (plane.rowBytes * plane.rows + 63) / 64 * 64
        }
        self.planes = placed
        bytes = .allocate(byteCount: max(end, 64), alignment: 64)
    }

    deinit { bytes.deallocate() }

    func start(_ plane: Int) -> UnsafeMutablePointer<UInt8> {
        (bytes.baseAddress! + planes[plane].offset).assumingMemoryBound(to: UInt8.self)
    }

    func rowBytes(ofPlane index: Int) -> Int { planes[index].rowBytes }

    func withUnsafeStart<Result, Failure>(
        ofPlane index: Int, _ body: (UnsafeRawPointer) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try withExtendedLifetime(self) { () throws(Failure) in try body(UnsafeRawPointer(start(index))) }
    }
}
