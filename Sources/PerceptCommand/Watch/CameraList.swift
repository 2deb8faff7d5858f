import Percept
import PerceptCommandKit

/// Cameras as a table, or as JSON.
struct CameraList {
    private let cameras: [CameraDescription]

    init(_ cameras: [CameraDescription]) { self.cameras = cameras }

    var json: JSONText {
        .members([
            "cameras": .array(
                cameras.map { camera in
                    .members([
                        "path": .string(camera.path), "name": .string(camera.name), "driver": .string(camera.driver),
                        "bus": .string(camera.bus),
                        "problem": camera.problem.map { .string($0.message) } ?? .null,
                        "modes": .array(camera.modes.map(Self.json)),
                    ])
                })
        ])
    }

    private static func json(_ mode: CameraDescription.Mode) -> JSONText {
        func pair(_ range: ClosedRange<Int>) -> JSONText {
            .array([.integer(range.lowerBound), .integer(range.upperBound)])
        }
        return .members([
            "format": .string(mode.format), "usable": .bool(mode.isUsable), "width": pair(mode.width),
            "height": pair(mode.height),
            "rates": .array(mode.rates.map { .array([.number($0.lowerBound), .number($0.upperBound)]) }),
        ])
    }

    var table: Table {
        var table = Table(["camera": .left, "name": .left, "format": .left, "size": .left, "frames/s": .left])
        for camera in cameras {
            var heads = [camera.path, camera.name]
            for mode in camera.modes where mode.isUsable {
                table.add(heads + [mode.format, Self.size(mode), Self.rates(mode)])
                heads = ["", ""]
            }
            if heads[0] == camera.path {
                table.add(heads + ["", camera.problem?.message ?? "sends no format that is taken", ""])
            }
        }
        return table
    }

    private static func size(_ mode: CameraDescription.Mode) -> String {
        func text(_ range: ClosedRange<Int>) -> String {
            range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
        }
        return "\(text(mode.width))x\(text(mode.height))"
    }

    private static func rates(_ mode: CameraDescription.Mode) -> String {
        mode.rates.map { range in
            let (low, high) = (Format.fixed(range.lowerBound, 0), Format.fixed(range.upperBound, 0))
            return low == high ? low : "\(low)-\(high)"
        }.joined(separator: " ")
    }
}
