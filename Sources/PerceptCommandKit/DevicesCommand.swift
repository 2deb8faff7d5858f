package import ArgumentParser
package import Percept

package struct DevicesCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "devices", abstract: "The Vulkan devices, short.")

    @OptionGroup package var global: GlobalOptions

    package init() {}

    package func validate() throws { try global.refuseComputing(for: "devices") }

    package func run() throws {
        let devices = try GPU.devices()
        if global.json {
            return Console.shared.result(JSONText.members(["devices": .array(devices.map(\.json))]).text)
        }
        var table = Table([
            "": .right, "name": .left, "kind": .left, "memory": .right, "driver": .left, "uuid": .left, "state": .left,
        ])
        for device in devices {
            table.add([
                String(device.index), device.name, device.kind, Format.bytes(device.memoryBytes), device.driver,
                device.uuid, device.isUsable ? "ready" : "lacks \(device.missing.joined(separator: ", "))",
            ])
        }
        Console.shared.result(table.text)
    }
}

extension DeviceDescription {
    package var json: JSONText {
        .members([
            "index": .integer(index), "name": .string(name), "kind": .string(kind), "uuid": .string(uuid),
            "driver": .string(driver), "api_version": .string(apiVersion), "usable": .bool(isUsable),
            "missing": .strings(missing), "features": .strings(features),
            "optional_missing": .strings(optionalMissing), "memory_bytes": .integer(Int(clamping: memoryBytes)),
            "subgroup_size": .integer(subgroupSize),
        ])
    }
}
