import CPerceptMedia
import Foundation
import PerceptFiles

/// What came through a pipe, kept so that it can be read like a file: anywhere, and more than once.
///
/// It is kept in memory up to ``inMemory`` bytes, which holds nearly every picture. Beyond that it goes to a temporary
/// file without a name, which takes a video of up to ``limit`` bytes and vanishes with the process, however that ends. What
/// is no picture or video is refused before it gets there.
package final class PipedFile: Sendable {
    package static let inMemory = 64 << 20
    package static let limit = 16 << 30

    /// Where it can be opened while this lives.
    package var path: String { "/proc/self/fd/\(descriptor)" }
    private let descriptor: Int32

    /// Reads all that comes.
    ///
    /// - Parameters:
    ///   - source: an open pipe, read to its end.
    ///   - name: what errors call it.
    package init(_ source: Int32, name: String) throws(MediaError) {
        do throws(MediaError.Fault) { descriptor = try Self.collect(source) } catch {
            throw MediaError(file: name, fault: error)
        }
    }

    /// Keeps a copy of bytes in memory.
    ///
    /// - Parameter name: what errors call it.
    package init(copying bytes: UnsafeRawBufferPointer, name: String) throws(MediaError) {
        do throws(MediaError.Fault) {
            let kept = percept_unnamed_memory()
            descriptor = kept >= 0 ? kept : try Self.makeFile()
            do throws(MediaError.Fault) { try Self.write([UInt8](bytes), to: descriptor) } catch {
                close(descriptor)
                throw error
            }
        } catch {
            throw MediaError(file: name, fault: error)
        }
    }

    deinit { close(descriptor) }

    private static func collect(_ source: Int32) throws(MediaError.Fault) -> Int32 {
        var kept = percept_unnamed_memory()
        var isInMemory = kept >= 0
        if !isInMemory { kept = try makeFile() }
        do throws(MediaError.Fault) {
            var count = 0
            while true {
                let bytes: [UInt8]
                do {
                    // So that the wait can be ended, for the writer of a named pipe too.
                    while try !Files.waitUntilReadable(source, milliseconds: 200) {
                        if Task.isCancelled { throw FileFault(EINTR) }
                    }
                    bytes = try Files.readSome(source, atMost: 1 << 18)
                } catch {
                    throw .unreadable("\(error)")
                }
                if bytes.isEmpty { break }
                if isInMemory && count + bytes.count > inMemory {
                    try requireMedia(kept)
                    let file = try makeFile()
                    let before = kept
                    (kept, isInMemory) = (file, false)
                    defer { close(before) }
                    try copy(before, count, to: file)
                }
                guard count + bytes.count <= limit else { throw .unreadable("more than 16 GiB came through the pipe") }
                try write(bytes, to: kept)
                count += bytes.count
            }
            guard count > 0 else { throw .unreadable("nothing came through the pipe") }
        } catch {
            close(kept)
            throw error
        }
        return kept
    }

    /// Looks at what has come so far: what is no picture or video is no reason to fill a disk.
    private static func requireMedia(_ descriptor: Int32) throws(MediaError.Fault) {
        do { _ = try MediaFile.probe("/proc/self/fd/\(descriptor)") } catch {
            switch error.fault {
            case .unsupported, .noVisualStream, .tooLarge: throw error.fault
            // The rest of it may be what is missed.
            default: break
            }
        }
    }

    /// A file where there may be room for a video.
    private static func makeFile() throws(MediaError.Fault) -> Int32 {
        let wanted = ProcessInfo.processInfo.environment["TMPDIR"].map { [$0] } ?? []
        for folder in wanted + ["/var/tmp", "/tmp"] {
            let descriptor = percept_unnamed_file(folder)
            if descriptor >= 0 { return descriptor }
        }
        throw .unreadable("there is no room for what comes through the pipe: \(FileFault())")
    }

    private static func copy(_ source: Int32, _ count: Int, to target: Int32) throws(MediaError.Fault) {
        guard lseek(source, 0, SEEK_SET) == 0 else { throw .unreadable("\(FileFault())") }
        var rest = count
        while rest > 0 {
            let bytes: [UInt8]
            do { bytes = try Files.readSome(source, atMost: min(rest, 1 << 20)) } catch {
                throw .unreadable("\(error)")
            }
            guard !bytes.isEmpty else { return }
            try write(bytes, to: target)
            rest -= bytes.count
        }
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) throws(MediaError.Fault) {
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes {
                Foundation.write(descriptor, $0.baseAddress! + done, $0.count - done)
            }
            if written >= 0 {
                done += written
            } else if errno != EINTR {
                throw .unreadable("what comes through the pipe cannot be kept: \(FileFault())")
            }
        }
    }
}
