import PerceptCheckpoint
package import PerceptJSON

extension JSON {
    /// Parses the file at `path`, which people or Python may have written: a byte order mark may precede it, and numbers may be
    /// `NaN` and `Infinity`.
    ///
    /// - Throws: an error with the file's name where it cannot be read or is no JSON.
    package init(file path: String) throws { try self.init(contentsOf: path) }
}
