extension JSON.Member {
    package init(_ name: String, _ value: JSON) {
        self.name = name
        self.value = value
    }
}

extension JSON {
    /// An object from names and values in this order.
    package static func members(_ members: KeyValuePairs<String, JSON>) -> JSON {
        .object(members.map { Member($0.key, $0.value) })
    }

    /// An object with a member of that name replaced, or appended where there is none; this value where it is no object.
    package func setting(_ name: String, to value: JSON) -> JSON {
        guard case .object(var members) = self else { return self }
        if let place = members.firstIndex(where: { $0.name == name }) {
            members[place] = Member(name, value)
        } else {
            members.append(Member(name, value))
        }
        return .object(members)
    }

    /// The document; ``init(_:file:)`` reads the same value from it.
    ///
    /// - Parameter isIndented: one member a line, by two spaces for every level, with a line break at the end.
    package func text(isIndented: Bool = false) -> String {
        var text = ""
        append(to: &text, indent: isIndented ? 0 : nil)
        return isIndented ? text + "\n" : text
    }

    private func append(to text: inout String, indent: Int?) {
        switch self {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .integer(let value): text += String(value)
        case .number(let value):
            // The shortest digits that are read as the same number. JSON has no word for others; these are Python's.
            text += value.isFinite ? "\(value)" : value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
        case .string(let value): text += JSON.quoted(value)
        case .array(let values):
            // Arrays of configurations are short: they stay on one line.
            Self.appendList(values, "[", "]", indent: nil, to: &text) { $0.append(to: &$1, indent: nil) }
        case .object(let members):
            let inner = indent.map { $0 + 1 }
            Self.appendList(members, "{", "}", indent: inner, to: &text) { member, text in
                text += JSON.quoted(member.name) + ": "
                member.value.append(to: &text, indent: inner)
            }
        }
    }

    /// - Parameter indent: levels of the elements, each on a line of its own; nil for one line.
    private static func appendList<Element>(
        _ elements: [Element], _ open: String, _ close: String, indent: Int?, to text: inout String,
        append: (Element, inout String) -> Void
    ) {
        func startLine(_ level: Int) { text += "\n" + String(repeating: "  ", count: level) }
        text += open
        for (index, element) in elements.enumerated() {
            if index > 0 { text += indent == nil ? ", " : "," }
            if let indent { startLine(indent) }
            append(element, &text)
        }
        if let indent, !elements.isEmpty { startLine(indent - 1) }
        text += close
    }
}
