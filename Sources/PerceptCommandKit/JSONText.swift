import PerceptJSON

/// JSON to print: members stay in the order given, and floats keep just the digits that tell them apart.
package indirect enum JSONText: Sendable {
    case null
    case bool(Bool)
    case integer(Int)
    /// Rounded to three decimals: times and rates.
    case number(Double)
    case float(Float)
    case floats([Float])
    case string(String)
    case array([JSONText])
    case object([(name: String, value: JSONText)])

    /// An object from names and values in this order.
    package static func members(_ members: KeyValuePairs<String, JSONText>) -> JSONText {
        .object(members.map { (name: $0.key, value: $0.value) })
    }

    package static func strings(_ texts: [String]) -> JSONText { .array(texts.map(JSONText.string)) }

    /// The document, without line breaks.
    package var text: String {
        var writer = JSONWriter()
        write(to: &writer)
        return writer.text
    }

    private func write(to writer: inout JSONWriter) {
        switch self {
        case .null: writer.null()
        case .bool(let value): writer.value(value)
        case .integer(let value): writer.value(value)
        case .number(let value): writer.rounded(value)
        case .float(let value): writer.value(value)
        case .string(let value): writer.value(value)
        case .floats(let values):
            writer.array { writer in
                for value in values { writer.value(value) }
            }
        case .array(let values):
            writer.array { writer in
                for value in values { value.write(to: &writer) }
            }
        case .object(let members):
            writer.object { writer in
                for member in members {
                    writer.name(member.name)
                    member.value.write(to: &writer)
                }
            }
        }
    }
}
