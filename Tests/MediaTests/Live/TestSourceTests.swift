import Foundation
import PerceptFrame
import PerceptMedia
import Testing

@Suite struct TestSourceTests {
    @Test func everyChoiceArrives() throws {
        let source = try LiveInput.open(
            "test:?size=100x60&rate=50&frames=7&layout=nv12&range=full&matrix=bt709&hold=0.06", .fast)
        #expect(
            source.description
                == LiveDescription(
                    name: "test:?size=100x60&rate=50&frames=7&layout=nv12&range=full&matrix=bt709&hold=0.06",
                    width: 100, height: 60, frameRate: 50, format: "nv12"))
        var times: [Double] = []
        while case .frame(let frame)? = try source.next() {
            #expect(frame.number == times.count)
            #expect(frame.frame.layout == .nv12 && frame.frame.fullRange && frame.frame.colorMatrix == .bt709)
            #expect(frame.frame.width == 100 && frame.frame.height == 60)
            times.append(frame.time)
        }
        #expect(times == (0..<7).map { Double($0) / 50 })
        let test = try #require(source as? TestSource)
        #expect(times.map(test.scene.label).map { TestScene.labels.firstIndex(of: $0) } == [0, 0, 0, 1, 1, 1, 2])
    }

    @Test(arguments: [
        "test", "test:640x360", "test:?size=640", "test:?size=640x0", "test:?size=99999x99999", "test:?rate=-1",
        "test:?rate=nan", "test:?layout=rgb565", "test:?range=some", "test:?colour=red", "test:?frames", "",
    ])
    func nonsenseIsRefused(_ name: String) {
        let error = #expect(throws: MediaError.self) { try LiveInput.open(name) }
        if name == "test" {
            #expect(error?.fault == .missing)
        } else if case .invalidName = error?.fault {
        } else {
            Issue.record("\(name): \(String(describing: error))")
        }
    }

    private static let ground = (122.0, 128.0, 126.0)
    private static let colours: [String: (Double, Double, Double)] = [
        "red": (212, 38, 42), "blue": (42, 78, 212), "yellow": (238, 218, 52), "green": (38, 158, 58),
        "purple": (142, 48, 172), "orange": (242, 136, 28), "white": (242, 242, 242), "black": (22, 22, 22),
    ]

    /// One object of the label's colour on the ground, converted back with the arithmetic of the standards.
    @Test(
        arguments: ["yuv420p", "nv12", "yuyv422", "rgb24"],
        [("limited", "bt601"), ("full", "bt601"), ("limited", "bt709"), ("full", "bt709")])
    func coloursAreTheLabels(_ layout: String, _ code: (range: String, matrix: String)) throws {
        func difference(_ left: (Double, Double, Double), _ right: (Double, Double, Double)) -> Double {
            max(abs(left.0 - right.0), abs(left.1 - right.1), abs(left.2 - right.2))
        }
        for size in ["320x240", "321x241"] {
            let name =
                "test:?size=\(size)&rate=2&hold=1&frames=16&layout=\(layout)&range=\(code.range)&matrix=\(code.matrix)"
            let source = try #require(try LiveInput.open(name, .fast) as? TestSource)
            var before: (x: Int, y: Int)?
            while case .frame(let frame)? = source.next() {
                let picture = frame.frame
                let label = source.scene.label(at: frame.time)
                let colour = try #require(Self.colours[String(label.split(separator: " ")[1])])
                var object: [(x: Int, y: Int)] = []
                var ground = 0
                for y in stride(from: 0, to: picture.height, by: 2) {
                    for x in stride(from: 0, to: picture.width, by: 2) {
                        let found = picture.rgb(x, y)
                        if difference(found, Self.ground) < 2.5 { ground += 1 }
                        if difference(found, colour) < 2.5 { object.append((x, y)) }
                    }
                }
                let pixels = (picture.width + 1) / 2 * ((picture.height + 1) / 2)
                // Of a square of 13.5 / 80 of each side, outlines fill two fifths at least; the rest is ground but for edges.
                let square = Double(pixels) * pow(13.5 / 80, 2)
                #expect(Double(object.count) > 0.3 * square && Double(object.count) < square, "\(label)")
                #expect(ground + object.count > pixels * 97 / 100, "\(label)")
                let centre = (
                    x: object.map(\.x).reduce(0, +) / max(object.count, 1),
                    y: object.map(\.y).reduce(0, +) / max(object.count, 1)
                )
                if let before { #expect(centre != before, "the object moves") }
                before = centre
            }
        }
    }

    @Test func aFrameHeldIsNotWrittenAgain() throws {
        let source = try LiveInput.open("test:?size=320x192&frames=200&rate=100&hold=0.5", .fast)
        var held: [(DecodedFrame, String)] = []
        var hashes: Set<String> = []
        while case .frame(let frame)? = try source.next() {
            let hash = frame.frame.fnv1a
            hashes.insert(hash)
            if frame.number % 9 == 0 { held.append((frame.frame, hash)) }
            if held.count > 5 { held.removeFirst() }
            for (frame, hash) in held { #expect(frame.fnv1a == hash) }
        }
        #expect(hashes.count > 40, "the scene moves")
    }

    @Test func framesComeAtTheirTime() throws {
        let source = try LiveInput.open("test:?size=64x64&rate=100&frames=51")
        let start = ContinuousClock.now
        let collected = try Collected(source)
        let elapsed = start.duration(to: .now).inSeconds
        #expect(collected.frames.count == 51)
        #expect(elapsed >= 0.499 && elapsed < 1.5, "50 steps of 10 ms took \(elapsed) s")
        let first = collected.frames[0].arrival
        for frame in collected.frames {
            #expect(first.duration(to: frame.arrival).inSeconds >= frame.time - 1e-4, "frame \(frame.number) is early")
        }
    }

    @Test func stoppingEndsAWait() throws {
        let source = try LiveInput.open("test:?size=64x64&rate=0.01")
        _ = try source.next()
        let stopped = try stopsWithin(source)
        #expect(stopped < 0.1, "\(stopped) s")
        let after = try source.next()
        #expect(after.isNone)
    }

    /// A long run takes no more memory, and little time.
    @Test func manyFramesTakeNoMemory() throws {
        let source = try LiveInput.open("test:?frames=12000", .fast)
        var resident: [Int] = []
        let clock = ContinuousClock()
        let elapsed = try clock.measure {
            while case .frame(let frame)? = try source.next() {
                if frame.number % 1000 == 999 { resident.append(try residentBytes()) }
            }
        }
        #expect(resident.count == 12)
        #expect(resident[11] - resident[1] < 1 << 20, "\(resident)")
        #expect(elapsed < .seconds(10), "12,000 frames took \(elapsed)")
    }
}

/// Seconds from `stop` to the end of a waiting `next`, which is called on another thread.
func stopsWithin(_ source: any LiveSource, after wait: Double = 0.2) throws -> Double {
    let ended = DispatchSemaphore(value: 0)
    Thread.detachNewThread {
        // What is ready may come first.
        while (try? source.next()) != nil {}
        ended.signal()
    }
    Thread.sleep(forTimeInterval: wait)
    let start = ContinuousClock.now
    source.stop()
    #expect(ended.wait(timeout: .now() + 20) == .success, "next() does not end")
    return start.duration(to: .now).inSeconds
}

func residentBytes() throws -> Int {
    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
    return (Int(pages[1]) ?? 0) * 4096
}

extension LiveEvent? {
    /// `LiveEvent` cannot be compared.
    var isNone: Bool { if case .none = self { true } else { false } }
}

extension DecodedFrame {
    /// One pixel, by the matrices of ITU-T H.273, with the nearest chroma sample.
    func rgb(_ x: Int, _ y: Int) -> (Double, Double, Double) {
        func sample(_ plane: Int, _ row: Int, _ byte: Int) -> Double {
            withUnsafeBytes(ofPlane: plane) { Double($0[row * planes[plane].rowBytes + byte]) }
        }
        let (luma, cb, cr): (Double, Double, Double) =
            switch layout {
            case .yuv420p: (sample(0, y, x), sample(1, y / 2, x / 2), sample(2, y / 2, x / 2))
            case .yuv422p: (sample(0, y, x), sample(1, y, x / 2), sample(2, y, x / 2))
            case .nv12: (sample(0, y, x), sample(1, y / 2, x / 2 * 2), sample(1, y / 2, x / 2 * 2 + 1))
            case .yuyv422: (sample(0, y, 2 * x), sample(0, y, x / 2 * 4 + 1), sample(0, y, x / 2 * 4 + 3))
            default: (sample(0, y, 3 * x), sample(0, y, 3 * x + 1), sample(0, y, 3 * x + 2))
            }
        guard colorMatrix != .identity else { return (luma, cb, cr) }
        let (kr, kb) = colorMatrix == .bt709 ? (0.2126, 0.0722) : (0.299, 0.114)
        let light = fullRange ? luma : (luma - 16) * 255 / 219
        let (pb, pr) = ((cb - 128) * (fullRange ? 1 : 255.0 / 224), (cr - 128) * (fullRange ? 1 : 255.0 / 224))
        let (red, blue) = (light + 2 * (1 - kr) * pr, light + 2 * (1 - kb) * pb)
        return (red, (light - kr * red - kb * blue) / (1 - kr - kb), blue)
    }
}
