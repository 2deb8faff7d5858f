/// The table of contents of a zip archive whose entries are stored uncompressed, as PyTorch writes them.
///
/// Format: PKWARE APPNOTE 6.3, with the 64-bit records of section 4.3.14 and 4.5.3.
struct ZipArchive {
    /// A file in the archive.
    struct Content {
        /// Of its bytes in the archive.
        let range: Range<Int>
        /// CRC-32 of the bytes; nil where the writer was told not to take the time for one, and left a zero.
        let checksum: UInt32?

        func bytes(in file: MappedFile) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(rebasing: file.bytes[range])
        }
    }

    let entries: [String: Content]
    /// Names of entries that are not stored as they are, and so cannot be read.
    let compressed: Set<String>

    init(_ file: MappedFile) throws(CheckpointError) {
        let directory = try Directory(file)
        var cursor = ByteCursor(file.bytes, at: directory.offset, file: file.path)
        var entries: [String: Content] = [:]
        var compressed: Set<String> = []
        for _ in 0..<directory.entryCount {
            let entry = try Entry(&cursor)
            guard !entry.name.hasSuffix("/") else { continue }
            if !entry.isStored { compressed.insert(entry.name) }
            let content = Content(
                range: try entry.data(in: file), checksum: entry.checksum == 0 ? nil : entry.checksum)
            guard entries.updateValue(content, forKey: entry.name) == nil else {
                throw .malformed(file: file.path, reason: "the archive holds '\(entry.name)' twice")
            }
        }
        self.entries = entries
        self.compressed = compressed
    }

    /// The bytes of a small entry, which must be those that were written.
    ///
    /// - Throws: ``CheckpointError/malformed(file:reason:)`` where they are not.
    func verified(_ name: String, in file: MappedFile) throws(CheckpointError) -> UnsafeRawBufferPointer? {
        guard let content = entries[name] else { return nil }
        if let checksum = content.checksum {
            try ContentCheck(content.range, checksum: checksum, name: name).verify(file)
        }
        return content.bytes(in: file)
    }
}

extension ZipArchive {
    /// Where the central directory lies, from the records at the end of the file.
    private struct Directory {
        let offset: Int
        let entryCount: Int

        init(_ file: MappedFile) throws(CheckpointError) {
            let end = try Self.endRecord(file)
            var cursor = ByteCursor(file.bytes, at: end + 8, file: file.path)
            _ = try cursor.integer(UInt16.self)
            var count = Int(try cursor.integer(UInt16.self))
            var size = Int(try cursor.integer(UInt32.self))
            var offset = Int(try cursor.integer(UInt32.self))
            if count == 0xFFFF || size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF {
                // The locator stands right before the end record and points at the 64-bit end record.
                var locator = ByteCursor(file.bytes, at: end - 20, file: file.path)
                guard end >= 20, try locator.integer(UInt32.self) == 0x0706_4B50 else {
                    throw .malformed(file: file.path, reason: "the archive's 64-bit locator is missing")
                }
                _ = try locator.integer(UInt32.self)
                var record = ByteCursor(file.bytes, at: try locator.size64(), file: file.path)
                guard try record.integer(UInt32.self) == 0x0606_4B50 else {
                    throw .malformed(file: file.path, reason: "the archive's 64-bit end record is missing")
                }
                _ = try record.take(28)
                count = try record.size64()
                size = try record.size64()
                offset = try record.size64()
            }
            // An entry takes at least 46 bytes, which bounds the loop over them.
            guard offset <= end, size <= end - offset, count <= size / 46 else {
                throw .malformed(file: file.path, reason: "the archive's central directory lies outside the file")
            }
            self.offset = offset
            entryCount = count
        }

        /// The position of the last end-of-directory record; a comment of up to 65,535 bytes may follow it.
        private static func endRecord(_ file: MappedFile) throws(CheckpointError) -> Int {
            let last = file.count - 22
            if last >= 0 {
                for position in stride(from: last, through: max(0, last - 0xFFFF), by: -1)
                where file.bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self).littleEndian == 0x0605_4B50 {
                    return position
                }
            }
            throw .malformed(
                file: file.path, reason: "the archive has no end record: the file is truncated; fetch or copy it again")
        }
    }

    /// One line of the central directory.
    private struct Entry {
        let name: String
        let size: Int
        let isStored: Bool
        let checksum: UInt32
        let headerOffset: Int

        init(_ cursor: inout ByteCursor) throws(CheckpointError) {
            let file = cursor.file
            guard try cursor.integer(UInt32.self) == 0x0201_4B50 else {
                throw .malformed(file: file, reason: "the archive's central directory is damaged")
            }
            _ = try cursor.take(4)
            let flags = try cursor.integer(UInt16.self)
            let method = try cursor.integer(UInt16.self)
            _ = try cursor.take(4)
            checksum = try cursor.integer(UInt32.self)
            var compressed = Int(try cursor.integer(UInt32.self))
            var size = Int(try cursor.integer(UInt32.self))
            let nameLength = Int(try cursor.integer(UInt16.self))
            let extraLength = Int(try cursor.integer(UInt16.self))
            let commentLength = Int(try cursor.integer(UInt16.self))
            _ = try cursor.take(8)
            var offset = Int(try cursor.integer(UInt32.self))
            let name = try cursor.text(nameLength)
            var extra = ByteCursor(try cursor.take(extraLength), file: file)
            _ = try cursor.take(commentLength)

            // Field 1 holds, in this order, those of the three that do not fit in 32 bits.
            while extra.position + 4 <= extraLength,
                compressed == 0xFFFF_FFFF || size == 0xFFFF_FFFF || offset == 0xFFFF_FFFF
            {
                let kind = try extra.integer(UInt16.self)
                var field = ByteCursor(try extra.take(Int(extra.integer(UInt16.self))), file: file)
                guard kind == 1 else { continue }
                if size == 0xFFFF_FFFF { size = try field.size64() }
                if compressed == 0xFFFF_FFFF { compressed = try field.size64() }
                if offset == 0xFFFF_FFFF { offset = try field.size64() }
                break
            }
            guard flags & 1 == 0 else {
                throw .unsupported(file: file, feature: "the encrypted archive entry '\(name)'")
            }
            guard method != 0 || compressed == size else {
                throw .malformed(file: file, reason: "the archive entry '\(name)' is stored with two different sizes")
            }
            self.name = name
            self.size = compressed
            isStored = method == 0
            headerOffset = offset
        }

        /// The range of the entry's bytes, behind the local header.
        func data(in file: MappedFile) throws(CheckpointError) -> Range<Int> {
            var cursor = ByteCursor(file.bytes, at: headerOffset, file: file.path)
            guard try cursor.integer(UInt32.self) == 0x0403_4B50 else {
                throw .malformed(file: file.path, reason: "the archive entry '\(name)' has no local header")
            }
            _ = try cursor.take(22)
            let nameLength = Int(try cursor.integer(UInt16.self))
            let extraLength = Int(try cursor.integer(UInt16.self))
            guard try cursor.take(nameLength).elementsEqual(name.utf8) else {
                throw .malformed(
                    file: file.path,
                    reason: "the archive entry '\(name)' has another name in its local header; the archive is damaged")
            }
            _ = try cursor.take(extraLength)
            let start = cursor.position
            _ = try cursor.take(size)
            return start..<start + size
        }
    }
}
