import Foundation
import PerceptFrame
import PerceptMedia

// Plays a source and tells line by line what it gives: for tests that need a process of their own, since its libraries
// or its standard input are not those of the tests.
//
//   live-probe list
//   live-probe play NAME [size=WxH] [rate=R] [format=F] [frames=N] [attempts=N] [fast] [quiet] [unchecked]

extension DecodedFrame {
    /// The 64-bit Fowler-Noll-Vo hash of all samples, plane after plane, without row padding.
    var hash: UInt64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for (index, plane) in planes.enumerated() {
            withUnsafeBytes(ofPlane: index) { bytes in
                for y in 0..<plane.rows {
                    for byte in bytes[(y * plane.rowBytes)...].prefix(plane.bytesInRow) {
                        hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
                    }
                }
            }
        }
        return hash
    }
}

/// Rates as the driver lists them, such as `15,30`.
func list(_ rates: [ClosedRange<Double>]) -> String { rates.map { "\($0.upperBound)" }.joined(separator: ",") }

func play(_ name: String, _ arguments: [Substring]) throws {
    var options = LiveOptions()
    var most = Int.max
    var isQuiet = false
    for argument in arguments {
        let parts = argument.split(separator: "=", maxSplits: 1)
        let value = parts.count > 1 ? String(parts[1]) : ""
        switch parts[0] {
        case "size":
            let sides = value.split(separator: "x").compactMap { Int($0) }
            options.size = (sides[0], sides[1])
        case "rate": options.frameRate = Double(value)
        case "format": options.pixelFormat = CameraPixelFormat(rawValue: value)
        case "frames": most = Int(value) ?? most
        case "attempts": options.reconnection.attempts = Int(value) ?? 0
        case "quiet": isQuiet = true
        case "unchecked": options.checksCertificates = false
        case "fast": options.asFastAsPossible = true
        default: preconditionFailure("\(argument)")
        }
    }
    options.reconnection.firstWait = 0.05
    let source = try LiveInput.open(name, options)
    let about = source.description
    print("source \(about.width)x\(about.height) \(about.frameRate ?? 0) \(about.format)")
    var frames = 0
    while frames < most, let event = try source.next() {
        switch event {
        case .frame(let frame):
            frames += 1
            if isQuiet { continue }
            let picture = frame.frame
            print(
                "frame \(frame.number) \(frame.time) \(picture.width)x\(picture.height) \(picture.layout)",
                picture.fullRange ? "full" : "limited", picture.colorMatrix, picture.chromaSiting, picture.hash)
        case .notice(let notice): print("notice \(notice)")
        }
    }
    print("end \(frames)")
}

let arguments = CommandLine.arguments.dropFirst()
do {
    switch arguments.first {
    case "list":
        for camera in Camera.all() {
            print("camera \(camera.path) \(camera.driver) \(camera.bus) \(camera.name)")
            for mode in camera.modes {
                print("mode \(mode.code) \(mode.width.upperBound)x\(mode.height.upperBound) \(list(mode.rates))")
            }
            if let problem = camera.problem { print("problem \(problem)") }
        }
    case "play": try play(arguments.dropFirst().first ?? "", arguments.dropFirst(2).map { Substring($0) })
    default: preconditionFailure("list or play")
    }
} catch let error as MediaError {
    print("error \(error)")
    exit(1)
}
