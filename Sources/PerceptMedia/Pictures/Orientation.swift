/// What remarks about a picture say of how it becomes upright.
///
/// A remark that makes no sense does not make the picture unreadable. As in Pillow, Exif comes first, and XMP is asked
/// where it says nothing.
struct OrientationRemark {
    private var exif: Int?
    private var xmp: Int?
    /// A remark could not be read.
    private(set) var isDamaged = false

    /// 1...8 as in EXIF tag 274; nil where nothing is said.
    var value: Int? { exif ?? xmp }

    /// Reads an Exif block, with or without its `Exif` prefix.
    mutating func readExif(_ bytes: [UInt8]) {
        guard exif == nil else { return }
        let prefixed = ByteReader(bytes: bytes).has("Exif\0", at: 0)
        do throws(MediaError.Fault) {
            let directory = try TIFFDirectory(prefixed ? Array(bytes.dropFirst(6)) : bytes)
            exif = directory.orientation
        } catch {
            isDamaged = true
        }
    }

    /// Looks for `tiff:Orientation`, as an attribute or as an element.
    mutating func readXMP(_ bytes: ArraySlice<UInt8>) {
        guard xmp == nil else { return }
        let name = Array("tiff:Orientation".utf8)
        var rest = bytes
        while let start = rest.firstIndex(of: name[0]) {
            rest = rest[start...]
            guard rest.starts(with: name) else {
                rest = rest.dropFirst()
                continue
            }
            rest = rest.dropFirst(name.count)
            let isAttribute = rest.starts(with: Array("=\"".utf8))
            guard isAttribute || rest.first == UInt8(ascii: ">") else { continue }
            guard let digit = rest.dropFirst(isAttribute ? 2 : 1).first, (0x31...0x38).contains(digit) else { continue }
            xmp = Int(digit) - 0x30
            return
        }
    }
}

extension StillImage {
    /// Takes the orientation that remarks give, or notes that they cannot be read.
    mutating func take(_ remark: OrientationRemark) {
        orientation = remark.value ?? 1
        if remark.value == nil && remark.isDamaged {
            notes.append("its Exif remarks cannot be read; taken for upright")
        }
    }
}
