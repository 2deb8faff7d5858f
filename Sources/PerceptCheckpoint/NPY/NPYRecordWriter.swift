package import PerceptFiles

/// Writes records of fixed fields, one after another, as a structured NumPy array of one dimension (NumPy:
/// `numpy/lib/format.py`, version 1.0), packed and little-endian. How many there are is known at the end.
package struct NPYRecordWriter: ~Copyable {
    package enum Element: String, Sendable {
        case int64 = "<i8"
        case float64 = "<f8"
        case float32 = "<f4"

        var byteCount: Int { self == .float32 ? 4 : 8 }
    }

    package struct Field: Sendable {
        let name: String
        let element: Element
        /// Elements of the field; nil for a field that is no array.
        let count: Int?

        package init(_ name: String, _ element: Element, count: Int? = nil) {
            self.name = name
            self.element = element
            self.count = count
        }

        var byteCount: Int { element.byteCount * (count ?? 1) }
    }

    /// The bytes of a record, field by field.
    package struct Row {
        fileprivate var bytes: [UInt8] = []

        package mutating func append(_ value: Int64) { store(value) }
        package mutating func append(_ value: Double) { store(value) }
        package mutating func append(_ values: [Float]) {
            values.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }

        private mutating func store<Value: BitwiseCopyable>(_ value: Value) {
            withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
        }
    }

    private var file: NewFile
    private let fields: [Field]
    private let recordBytes: Int
    private var count = 0
    private var row = Row()

    /// Where a recording that an earlier run did not finish is now, if this one took its name.
    package var keptAside: String? { file.keptAside }

    /// Starts the file.
    ///
    /// - Throws: ``OutputError``, also for a pipe: how many records there are is in front of them.
    package init(to path: String, fields: [Field], as kind: NewFile.Kind = .whole) throws(OutputError) {
        let file = try NewFile(path: path, as: kind)
        guard file.isFile else {
            throw .unsuitable(file: path, reason: "a stream of unknown length goes to no pipe or device as .npy")
        }
        try file.write(Self.header(fields, count: 0))
        self.file = file
        self.fields = fields
        recordBytes = fields.reduce(0) { $0 + $1.byteCount }
    }

    /// Appends a record that `fill` gives the fields of, in their order.
    package mutating func append(_ fill: (inout Row) -> Void) throws(OutputError) {
        row.bytes.removeAll(keepingCapacity: true)
        fill(&row)
        precondition(row.bytes.count == recordBytes, "\(row.bytes.count) bytes of a record of \(recordBytes)")
        try file.write(row.bytes)
        count += 1
    }

    /// Writes the number of records so far into the header: what is there can be read if the process ends now.
    package func stateCount() throws(OutputError) { try file.overwrite(Self.header(fields, count: count)) }

    /// Writes the number of records into the header, and gives the file its name.
    package mutating func commit() throws(OutputError) {
        try stateCount()
        try file.commit()
    }

    /// The same length for every count.
    private static func header(_ fields: [Field], count: Int) -> [UInt8] {
        let types = fields.map { field in
            "('\(field.name)', '\(field.element.rawValue)'" + (field.count.map { ", (\($0),)" } ?? "") + ")"
        }
        let text = "{'descr': [\(types.joined(separator: ", "))], 'fortran_order': False, 'shape': (\(count),), }"
        // Room for the largest count: 19 digits. With magic, version and length a multiple of 64 bytes.
        let room = text.utf8.count - String(count).utf8.count + 19
        let length = (10 + room + 1 + 63) / 64 * 64 - 10
        let padding = [UInt8](repeating: UInt8(ascii: " "), count: length - 1 - text.utf8.count)
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 0xFF), UInt8(length >> 8)] + Array(text.utf8)
            + padding + [UInt8(ascii: "\n")]
    }
}
