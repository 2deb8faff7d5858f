#if Media
    public import Foundation
    package import PerceptFiles
    import PerceptMedia

    extension Image {
        /// The upright image as a PNG file in memory, of red, green and blue in 8 bits.
        ///
        /// - Throws: ``PerceptError`` where FFmpeg was built without its encoder, or memory is short.
        public func pngData() throws(PerceptError) -> Data { Data(try png()) }

        /// Writes the upright image as a PNG file, whatever its name ends in. It takes its name when it is complete; a file
        /// that has the name is replaced.
        ///
        /// - Throws: ``PerceptError`` as ``pngData()``, with ``PerceptError/Code/usage`` for an address that is not of a file,
        ///   with ``PerceptError/Code/outputFault`` where the file cannot be written.
        public func writePNG(to url: URL) throws(PerceptError) { try writePNG(path: try PerceptError.path(url)) }

        /// - Parameters:
        ///   - path: as `FileName` carries it.
        ///   - kind: what becomes of the file if the process is killed, or the power fails.
        package func writePNG(path: String, as kind: NewFile.Kind = .whole) throws(PerceptError) {
            let bytes = try png()
            do throws(OutputError) { try NewFile.write(bytes, to: path, as: kind) } catch { throw PerceptError(error) }
        }

        private func png() throws(PerceptError) -> [UInt8] {
            do throws(MediaError) { return try PNGWriter.encode(rgb(), width: width, height: height) } catch {
                throw PerceptError(error)
            }
        }
    }
#endif
