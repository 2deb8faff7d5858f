package import PerceptFiles
package import PerceptModels

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

/// A published model that is not on this machine.
package struct ModelNotHere: KnownFault, Hashable {
    package let name: String
    /// Where it is published.
    package let repository: String

    package var kind: FaultKind { .missingInput }
    package var description: String {
        "\(name) is neither in $PERCEPT_MODELS nor in the Hugging Face cache; `percept pull \(name)` fetches it from "
            + repository
    }
}

/// A name that no published model of the family has.
package struct NoSuchModel: KnownFault, Hashable {
    package let name: String
    package let wanted: PublishedModel.Family
    /// What is called so instead.
    package let found: PublishedModel.Family?

    init(_ name: String, wanted: PublishedModel.Family) {
        self.name = name
        self.wanted = wanted
        found = PublishedModel.named(name)?.family
    }

    package var kind: FaultKind { .usage }
    package var description: String {
        if let found { return "\(name) is a \(found); a \(wanted) is needed here" }
        return "no published \(wanted == .encoder ? "model" : "\(wanted)") is called \(name)"
    }
}
