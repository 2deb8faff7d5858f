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
        var text = ""
        append(to: &text)
        return text
    }

    private func append(to text: inout String) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        // JSON has no word for what is not finite.
        case .number(let value): text += value.isFinite ? "\((value * 1000).rounded() / 1000)" : "null"
        case .float(let value): text += value.isFinite ? "\(value)" : "null"
        case .floats(let values):
            Self.appendList(values, "[", "]", to: &text) { value, text in JSONText.float(value).append(to: &text) }
        case .string(let value): text += JSON.quoted(value)
        case .array(let values):
            Self.appendList(values, "[", "]", to: &text) { value, text in value.append(to: &text) }
        case .object(let members):
            Self.appendList(members, "{", "}", to: &text) { member, text in
                text += JSON.quoted(member.name) + ":"
                member.value.append(to: &text)
            }
        }
    }

    private static func appendList<Element>(
        _ elements: [Element], _ open: String, _ close: String, to text: inout String,
        append: (Element, inout String) -> Void
    ) {
        text += open
        for (index, element) in elements.enumerated() {
            if index > 0 { text += "," }
            append(element, &text)
        }
        text += close
    }
}
