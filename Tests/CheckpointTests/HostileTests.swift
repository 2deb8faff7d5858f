import PerceptCheckpoint
import Testing

/// Damaged files end in a typed error that names the file, or in other numbers; never in a crash, a hang or a lot of
/// memory.
@Suite struct HostileTests {
    private static let files = [
        "types.pt", "nested.pt", "protocol4.pt", "views.pt", "models/vision.pt", "models/timm/model.safetensors",
        "rounding.safetensors",
    ]

    /// Reads everything a loader would; returns whether the file was accepted.
    private func readAll(_ path: String) -> Bool {
        do {
            for tensor in try Checkpoint(contentsOf: path).tensors where tensor.count <= 1 << 20 {
                _ = try tensor.values()
            }
            return true
        } catch {
            #expect(error.description.contains(path))
            return false
        }
    }

    @Test(arguments: files)
    func everyTruncationIsAnError(name: String) throws {
        let bytes = try Fixture.bytes(name)
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/damaged.\(name.hasSuffix("pt") ? "pt" : "safetensors")"
            let step = bytes.count < 8192 ? 64 : 1024
            for count in stride(from: 0, to: bytes.count, by: step) {
                try Fixture.write(bytes.prefix(count), to: path)
                #expect(!readAll(path), "\(count) bytes were accepted")
            }
        }
    }

    @Test(arguments: files)
    func flippedBytesDoNoHarm(name: String) throws {
        let bytes = try Fixture.bytes(name)
        var generator = SplitMix(state: 11)
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/damaged.\(name.hasSuffix("pt") ? "pt" : "safetensors")"
            for round in 0..<1000 {
                var damaged = bytes
                for _ in 0...round % 4 {
                    // The structure lies at the two ends.
                    let span = min(bytes.count, 2048)
                    let near = Int.random(in: 0..<span, using: &generator)
                    damaged[round.isMultiple(of: 2) ? near : bytes.count - 1 - near] = .random(
                        in: 0...255, using: &generator)
                }
                try Fixture.write(damaged, to: path)
                _ = readAll(path)
            }
        }
    }

    /// Pickles made to exhaust a reader, as a start and an opcode repeated up to three million times.
    @Test(arguments: [
        ("", "("), ("", "]"), ("", "}"), (")", "\u{85}"), ("]", "\u{94}"), ("]q\u{0}", "h\u{0}a"), ("(", "N"),
    ])
    func exhaustingPicklesAreRefused(start: String, repeated: String) throws {
        let opcodes = Array(repeatElement(repeated.unicodeScalars.map { UInt8($0.value) }, count: 3_000_000).joined())
        #expect(try !readAll(pickle: start.unicodeScalars.map { UInt8($0.value) } + opcodes))
    }

    @Test(arguments: [
        [UInt8(ascii: "X"), 0xFF, 0xFF, 0xFF, 0xFF], [0x8D] + [UInt8](repeating: 0x7F, count: 8),
        [0x8E] + [UInt8](repeating: 0xFF, count: 8), Array("cos\nsystem\n".utf8), Array("ios\nsystem\n".utf8),
        Array("]q\u{0}h\u{0}a.".utf8), Array("t".utf8), Array("(K\u{1}R.".utf8), [],
    ])
    func malformedPicklesAreRefused(pickle: [UInt8]) throws {
        #expect(try !readAll(pickle: pickle))
    }

    private func readAll(pickle: [UInt8]) throws -> Bool {
        try Fixture.withTemporaryDirectory { directory in
            let path = directory + "/p.pt"
            try Fixture.write(storedArchive("data.pkl", pickle), to: path)
            return readAll(path)
        }
    }

    /// A zip archive with one stored entry.
    private func storedArchive(_ name: String, _ data: [UInt8]) -> [UInt8] {
        func little(_ value: Int, _ count: Int) -> [UInt8] { (0..<count).map { UInt8(value >> (8 * $0) & 0xFF) } }
        let sizes = little(0, 8) + little(0, 4) + little(data.count, 4) + little(data.count, 4)
        let local = little(0x0403_4B50, 4) + little(20, 2) + little(0, 2)
        var archive = local + sizes.dropFirst(2) + little(name.utf8.count, 2) + little(0, 2) + Array(name.utf8) + data
        let start = archive.count
        archive += little(0x0201_4B50, 4) + little(20, 2) + little(20, 2) + little(0, 2) + sizes.dropFirst(2)
        archive += little(name.utf8.count, 2) + little(0, 16) + Array(name.utf8)
        let size = archive.count - start
        archive +=
            little(0x0605_4B50, 4) + little(0, 4) + little(1, 2) + little(1, 2) + little(size, 4) + little(start, 4)
        return archive + little(0, 2)
    }
}

/// A generator with a seed, so that a failure can be repeated (Steele, Lea and Flood 2014).
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
