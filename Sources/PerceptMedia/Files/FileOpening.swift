import CPerceptMedia
import Foundation
import PerceptFiles

/// Opens a regular file without waiting, so that a pipe cannot stall the program.
func openRegularFile(_ path: String) throws(MediaError.Fault) -> (handle: FileHandle, size: Int) {
    let descriptor = Files.open(path, O_RDONLY | O_NONBLOCK)
    guard descriptor >= 0 else {
        let fault = FileFault()
        // A socket cannot even be opened.
        if let status = Files.status(path), let other = MediaError.Fault(notRegular: status) { throw other }
        throw fault.isMissing ? .missing : .unreadable(fault.description)
    }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .unreadable(FileFault().description) }
    if let fault = MediaError.Fault(notRegular: status) { throw fault }
    return (handle, Int(status.st_size))
}

extension MediaError.Fault {
    /// Why something that is no regular file is not read as one; nil for a regular file.
    init?(notRegular status: stat) {
        switch Files.kind(status) {
        case S_IFREG: return nil
        case S_IFDIR: self = .unreadable("is a directory")
        case S_IFIFO: self = .unreadable("is a pipe")
        case S_IFSOCK: self = .unreadable("is a socket")
        default: self = .unreadable("is a device, not a file")
        }
    }
}

/// Bytes of the largest file that is read as one picture: what FFmpeg can be given at once.
let largestPicture = Int(Int32.max) - Int(AV_INPUT_BUFFER_PADDING_SIZE)

/// All bytes of a file that is read as one picture.
func readFile(_ path: String) throws(MediaError.Fault) -> [UInt8] {
    let (handle, size) = try openRegularFile(path)
    // Holes take no room on a disk, and would take all of it in memory.
    guard size <= largestPicture else { throw .unsupported("a picture of \(size) bytes") }
    if size > 0 { return try read(handle, size) }
    // Files that the system makes up as they are read state no size.
    let bytes: [UInt8]?
    do { bytes = try Files.readToEnd(handle.fileDescriptor, limit: largestPicture) } catch {
        throw .unreadable(error.description)
    }
    guard let bytes else { throw .unsupported("a picture of more than \(largestPicture) bytes") }
    guard !bytes.isEmpty else { throw .corrupt("the file is empty") }
    return bytes
}

/// The first bytes of a file, at most `limit`.
func readStart(_ path: String, limit: Int) throws(MediaError.Fault) -> [UInt8] {
    let bytes = try read(try openRegularFile(path).handle, limit)
    guard !bytes.isEmpty else { throw .corrupt("the file is empty") }
    return bytes
}

/// Up to `wanted` bytes from the start of a file.
private func read(_ handle: FileHandle, _ wanted: Int) throws(MediaError.Fault) -> [UInt8] {
    var failure: Int32 = 0
    let bytes = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
        while count < wanted {
            let got = pread(handle.fileDescriptor, buffer.baseAddress! + count, wanted - count, off_t(count))
            if got < 0 { failure = errno }
            guard got > 0 else { return }
            count += got
        }
    }
    guard failure == 0 else { throw .unreadable(FileFault(failure).description) }
    return bytes
}
