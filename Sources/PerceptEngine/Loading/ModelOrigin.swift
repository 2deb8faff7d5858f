/// Where a model comes from.
package enum ModelOrigin: Hashable, Sendable {
    /// The small model inside the library: an encoder, or for a language model a captioner.
    case demo
    /// A published model by any of its names, found among the user's files.
    case named(String)
    /// A checkpoint file, or a directory with one.
    case path(String)
    /// A published architecture by any of its names, with made-up weights.
    case random(String)
}
