/// One kind of input from outside, and what must hold whatever the bytes are: a file is read completely or refused by
/// an error, twice alike, within ``FuzzLimits``.
package struct FuzzTarget: Sendable {
    package let name: String
    /// What runs, in a line.
    package let about: String
    /// The largest input that is made, in bytes.
    package let longest: Int
    /// Files to begin with, from the root of the repository; the last part of a path may hold one `*`.
    package let seeds: [String]
    /// Inputs to begin with that are made by formula, by name.
    package let made: @Sendable () -> [(name: String, bytes: [UInt8])]
    /// How inputs are divided so that a change in one part leaves the others readable; nil for plain bytes.
    package let format: (any PartedFormat)?
    /// Strings that mean something in the format.
    package let words: [String]
    let body: @Sendable (UnsafeRawBufferPointer) throws -> Void

    init(
        _ name: String, _ about: String, longest: Int = 1 << 16, seeds: [String] = [],
        made: @escaping @Sendable () -> [(name: String, bytes: [UInt8])] = { [] }, format: (any PartedFormat)? = nil,
        words: [String] = [], body: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) {
        self.name = name
        self.about = about
        self.longest = longest
        self.seeds = seeds
        self.made = made
        self.format = format
        self.words = words
        self.body = body
    }

    /// Runs one input. Errors of the library are a good answer; what must not happen ends the process.
    package func run(_ bytes: UnsafeRawBufferPointer, limits: FuzzLimits) {
        let use = ResourceUse()
        try? body(bytes)
        use.check(limits, target: name)
    }

    package static let all: [FuzzTarget] =
        textTargets + configurationTargets + checkpointTargets + tokenizerTargets + hubTargets + pictureTargets
        + videoTargets

    /// One that ends at a certain byte, to show that what is looked for is found and its input kept.
    package static let planted = FuzzTarget("planted", "ends at a zero", made: { [("none", [1, 2, 3])] }) { bytes in
        require(!bytes.contains(0), "planted")
    }
}

/// Ends the process with what is wrong, as a crash does, so that the input is kept.
func fail(_ what: String) -> Never { fatalError("fuzzing: \(what)") }

/// Ends the process unless `condition` holds.
func require(_ condition: Bool, _ what: @autoclosure () -> String) {
    if !condition { fail(what()) }
}

/// True for one of eight inputs, chosen by their bytes: for checks that take as long as what is checked.
func isChosen(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var sum = UInt64(bytes.count)
    for byte in bytes.prefix(4096) { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return sum >> 40 & 7 == 0
}
