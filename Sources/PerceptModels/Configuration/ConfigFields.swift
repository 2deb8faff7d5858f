import PerceptCheckpoint
import PerceptJSON

/// Reads the fields of one object of a configuration file and names what does not fit.
struct ConfigFields {
    let json: JSON
    let file: String

    /// Whether the field stands there, be it as null.
    func has(_ name: String) -> Bool { json.members?.contains { $0.name == name } ?? false }

    func object(_ name: String) throws(CheckpointError) -> ConfigFields? {
        guard let value = json[name] else { return nil }
        guard value.members != nil else { throw fault(name, "an object") }
        return ConfigFields(json: value, file: file)
    }

    func integer(_ name: String) throws(CheckpointError) -> Int? {
        guard let value = json[name] else { return nil }
        guard let integer = value.integer else { throw fault(name, "an integer") }
        return integer
    }

    func required(_ name: String) throws(CheckpointError) -> Int {
        guard let value = try integer(name) else { throw fault(name, "an integer") }
        return value
    }

    /// A side given as one integer or as two equal ones.
    func side(_ name: String) throws(CheckpointError) -> Int? {
        guard let sides = json[name]?.array else { return try integer(name) }
        guard sides.count == 2, let side = sides[0].integer, sides[1].integer == side else {
            throw fault(name, "a square size")
        }
        return side
    }

    func number(_ name: String) throws(CheckpointError) -> Double? {
        guard let value = json[name] else { return nil }
        guard let number = value.number else { throw fault(name, "a number") }
        return number
    }

    func bool(_ name: String) throws(CheckpointError) -> Bool? {
        guard let value = json[name] else { return nil }
        guard let bool = value.bool else { throw fault(name, "true or false") }
        return bool
    }

    func string(_ name: String) throws(CheckpointError) -> String? {
        guard let value = json[name] else { return nil }
        guard let string = value.string else { throw fault(name, "a string") }
        return string
    }

    /// `width` times the field's ratio, rounded down as the reference does; nil when the field is absent.
    func hidden(_ name: String, width: Int) throws(CheckpointError) -> Int? {
        guard let ratio = try number(name) else { return nil }
        return try hidden(name, width: width, else: ratio)
    }

    /// `width` times the field's ratio or, when it is absent, times `usual`.
    func hidden(_ name: String, width: Int, else usual: Double) throws(CheckpointError) -> Int {
        let ratio = try number(name) ?? usual
        // Configurations carry 35/6 with ten digits, which must not fall short of the integer.
        let hidden = (Double(width) * ratio + 1e-5).rounded(.down)
        guard hidden >= 1, hidden <= 1e9 else { throw fault(name, "a sensible ratio") }
        return Int(hidden)
    }

    func fault(_ name: String, _ expected: String) -> CheckpointError {
        .malformed(file: file, reason: "'\(name)' is not \(expected)")
    }
}
