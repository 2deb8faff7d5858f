import ArgumentParser
import Percept
import PerceptCommandKit
import PerceptFiles

struct ModelsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "Known models, their size, and where they were found.")

    @OptionGroup var global: GlobalOptions

    func validate() throws { try global.refuseComputing(for: "models") }

    func run() throws {
        let models = KnownModelDescription.all
        if global.json {
            let entries = models.map { model in
                JSONText.members([
                    "name": .string(model.name), "kind": .string(model.kind), "parameters": .integer(model.parameters),
                    "weight_bytes": .integer(model.weightBytes),
                    "location": model.location.map { .string(FileName.shown($0)) } ?? .null,
                ])
            }
            return Console.shared.result(JSONText.members(["models": .array(entries)]).text)
        }
        var table = Table([
            "name": .left, "kind": .left, "parameters": .right, "weights": .right, "found at": .left,
        ])
        for model in models {
            table.add([
                model.name, model.kind, Format.fixed(Double(model.parameters) / 1e6, 1) + " M",
                Format.bytes(model.weightBytes), model.location.map(FileName.shown) ?? "not found",
            ])
        }
        Console.shared.result(table.text)
    }
}
