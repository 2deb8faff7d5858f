import PerceptFrame

/// How a source is opened, as far as the kind of source has a choice.
package struct LiveOptions: Sendable {
    /// Width and height wanted of a camera.
    package var size: (width: Int, height: Int)?
    /// Frames a second wanted of a camera, or given to a sequence of images, which states none.
    package var frameRate: Double?
    /// How a camera shall send its pixels; the best for size and rate unless given.
    package var pixelFormat: CameraPixelFormat?
    /// Whether files, image sequences and the test source go as fast as their frames are taken instead of at their own
    /// pace. Cameras, network streams and standard input always come at their sender's.
    package var asFastAsPossible = false
    package var reconnection = Reconnection()
    /// Whether a server that speaks TLS must show a certificate for its name, of an authority that is trusted.
    package var checksCertificates = true

    package init() {}
}
