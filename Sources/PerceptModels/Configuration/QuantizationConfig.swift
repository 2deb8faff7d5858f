import Foundation
package import PerceptCheckpoint
package import PerceptJSON
package import PerceptNumbers

/// The `quantization_config` of a `config.json`: that matrices are stored in quantised rows, and in what format.
///
/// Which tensors they are, and how each is stored, the files of weights say themselves (`QuantizationTable`); this is for
/// who opens the model, and for programs that know other schemes only.
package struct QuantizationConfig: Sendable, Hashable {
    /// Of most matrices; those that matter more may be in a finer one.
    package var format: QuantizedFormat

    package init(format: QuantizedFormat) { self.format = format }

    private static let field = "quantization_config"
    private static let method = "percept"

    /// Reads a `config.json`; nil where it speaks of no quantisation.
    ///
    /// - Throws: ``CheckpointError/unsupported(file:feature:)`` for another method, scheme, version or format.
    package init?(contentsOf path: String) throws(CheckpointError) {
        let root = ConfigFields(json: try JSON(contentsOf: path), file: path)
        guard let fields = try root.object(Self.field) else { return nil }
        let method = try fields.string("quant_method") ?? "none"
        guard method == Self.method else {
            throw .unsupported(file: path, feature: "the quantisation method '\(method)'")
        }
        try QuantizationTable.requireKnown(scheme: fields.json["scheme"], version: fields.json["version"], file: path)
        let name = try fields.string("format") ?? "none"
        guard let format = QuantizedFormat(name: name) else {
            throw .unsupported(file: path, feature: "the quantised format '\(name)'")
        }
        self.format = format
    }

    /// A `config.json` with this in it. What is not read back is for people.
    package func added(to config: JSON) -> JSON {
        config.setting(
            Self.field,
            to: .members([
                "quant_method": .string(Self.method), "scheme": .string(QuantizationTable.scheme),
                "version": .integer(QuantizationTable.version), "format": .string(format.description),
                "bits": .integer(format.bitsPerCode), "group_size": .integer(QuantizedFormat.groupSize),
                "scale_dtype": .string("float16"),
                "tensors": .string("named in the safetensors metadata 'percept.quantization'"),
            ]))
    }

    /// Checks that the tensors and what the configuration says of them belong together.
    ///
    /// - Throws: ``CheckpointError/contradiction(file:source:field:stated:found:)``.
    static func requireAgreement(
        _ config: QuantizationConfig?, of weights: Checkpoint, source: String
    ) throws(CheckpointError) {
        let isQuantized = weights.tensors.contains { $0.quantization != nil }
        guard isQuantized == (config != nil) else {
            throw .contradiction(
                file: weights.path, source: source, field: field,
                stated: config.map { $0.format.description } ?? "none",
                found: isQuantized ? "there are quantised rows" : "there are no quantised rows")
        }
    }
}
