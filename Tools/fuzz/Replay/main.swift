import Foundation
import FuzzTargets

// Runs the targets of Tools/fuzz without libFuzzer and without sanitizers: kept inputs, seeds, and inputs that are made by
// the same mutators. Each input is in a file before it is run, and stays there when the process crashes.
//
//   fuzz-replay list
//   fuzz-replay TARGET FILE...                                 runs files, and says what each took
//   fuzz-replay TARGET --runs N [--seed S] [--seconds LIMIT]   all inputs to begin with, then N made of them
//
// `all` in the place of TARGET is every target.

func stop(_ message: String) -> Never {
    FileHandle.standardError.write(Data("fuzz-replay: \(message)\n".utf8))
    exit(64)
}

func seconds(since start: ContinuousClock.Instant) -> Double {
    let duration = start.duration(to: .now).components
    return Double(duration.seconds) + Double(duration.attoseconds) * 1e-18
}

/// Holds the input that runs, outside of the process.
struct KeptInput: ~Copyable {
    let path: String
    private let descriptor: CInt

    init(_ target: FuzzTarget) {
        path = NSTemporaryDirectory() + "fuzz-replay-\(target.name).\(getpid())"
        descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        if descriptor < 0 { stop("\(path) cannot be written") }
    }

    borrowing func set(_ bytes: [UInt8]) {
        _ = bytes.withUnsafeBytes { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
        ftruncate(descriptor, bytes.count)
    }

    borrowing func remove() { unlink(path) }
}

func run(_ target: FuzzTarget, runs: Int, seed: UInt64, limit: Double) {
    let start = ContinuousClock.now
    var first = target.firstInputs()
    // Formats that the fixtures do not have: Tools/fuzz/run makes inputs of them.
    guard !first.isEmpty else { return print("\(target.name): nothing to begin with") }
    var dice = Dice(seed: seed)
    // Where there are more than are to be run, some of each kind.
    if first.count > runs + 100 { first = Array(first.shuffled(using: &dice).prefix(runs)) }
    let kept = KeptInput(target)
    // Before the first, so that whoever sees the crash finds the input.
    print("\(target.name): the input that runs is \(kept.path)")
    fflush(nil)
    func one(_ bytes: [UInt8]) {
        kept.set(bytes)
        bytes.withUnsafeBytes { target.run($0, limits: .plain) }
    }
    var count = 0
    for input in first where seconds(since: start) < limit {
        one(input.bytes)
        count += 1
    }
    let mutation = Mutation(target, bytes: Mutation.plain(target.words))
    var pool = first.map(\.bytes)
    for _ in 0..<runs where seconds(since: start) < limit {
        let base = dice.below(pool.count)
        let bytes = mutation(pool[base], longest: target.longest, dice: &dice)
        one(bytes)
        // Changes add up, now and then.
        if dice.below(16) == 0 { pool[base] = bytes } else if dice.below(16) == 0 { pool[base] = first[base].bytes }
        count += 1
    }
    kept.remove()
    print("\(target.name): \(count) inputs in \(Int(seconds(since: start) * 1000)) ms")
}

var arguments = Array(CommandLine.arguments.dropFirst())
guard let name = arguments.first else { stop("a target, or list") }
if name == "list" {
    for target in FuzzTarget.all { print("\(target.name)\t\(target.about)") }
    exit(0)
}
let targets = name == "all" ? FuzzTarget.all : (FuzzTarget.all + [.planted]).filter { $0.name == name }
guard !targets.isEmpty else { stop("no target is called \(name)") }
var options: [String: String] = [:]
var files: [String] = []
arguments.removeFirst()
while let argument = arguments.first {
    arguments.removeFirst()
    if argument.hasPrefix("--") {
        guard let value = arguments.first else { stop("\(argument) takes a value") }
        options[argument] = value
        arguments.removeFirst()
    } else {
        files.append(argument)
    }
}
for target in targets {
    if files.isEmpty {
        run(
            target, runs: options["--runs"].flatMap { Int($0) } ?? 1000,
            seed: options["--seed"].flatMap { UInt64($0) } ?? 1,
            limit: options["--seconds"].flatMap { Double($0) } ?? .infinity)
    }
    for file in files {
        guard let data = FileManager.default.contents(atPath: file) else { stop("\(file) cannot be read") }
        let start = ContinuousClock.now
        data.withUnsafeBytes { target.run($0, limits: .plain) }
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        print(
            "\(file): \(data.count) bytes, \(Int(seconds(since: start) * 1000)) ms, peak \(usage.ru_maxrss >> 10) MiB")
    }
}
