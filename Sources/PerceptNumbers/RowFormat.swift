/// A format of quantised rows: its row of the table, with how rows are encoded and decoded. Bytes are those of a whole row.
protocol RowFormat {
    static var name: String { get }
    static var bitsPerCode: Int { get }
    /// f16 numbers of a group, behind the codes of all groups.
    static var halvesPerGroup: Int { get }
    /// Whether codes are whole numbers that a signed byte holds.
    static var hasWholeCodes: Bool { get }

    /// Encodes one row into its bytes, all of which are written.
    static func encode(_ row: UnsafeBufferPointer<Float>, to bytes: UnsafeMutableRawBufferPointer)

    /// Decodes one row from its bytes, which start on an even address, into all of `row`.
    static func decode(_ bytes: UnsafeRawBufferPointer, to row: UnsafeMutableBufferPointer<Float>)

    /// Whether everything in a row of so many columns could be encoded: what could not is not finite when it is decoded.
    static func isFinite(_ bytes: UnsafeRawBufferPointer, columns: Int) -> Bool
}
