import Foundation
import FuzzTargets

// What libFuzzer calls (LLVM: "libFuzzer, a library for coverage-guided fuzz testing"). FUZZ_TARGET chooses the target, or
// is `list`; with FUZZ_SEEDS the inputs to begin with are written into that folder, and nothing is run. Arguments are
// libFuzzer's.

private let environment = ProcessInfo.processInfo.environment

private let target: FuzzTarget = {
    let name = environment["FUZZ_TARGET"] ?? ""
    if name == "list" {
        for target in FuzzTarget.all { print("\(target.name) \(target.longest) \(target.about)") }
        exit(0)
    }
    guard let target = FuzzTarget.all.first(where: { $0.name == name }) else {
        stop("FUZZ_TARGET is list or one of \(FuzzTarget.all.map(\.name).joined(separator: " "))")
    }
    if let folder = environment["FUZZ_SEEDS"] {
        do { try target.writeFirstInputs(to: folder, dictionary: folder + ".dictionary") } catch { stop("\(error)") }
        exit(0)
    }
    return target
}()

private func stop(_ message: String) -> Never {
    FileHandle.standardError.write(Data("fuzzer: \(message)\n".utf8))
    exit(64)
}

@_silgen_name("LLVMFuzzerMutate")
private func libFuzzerMutate(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ most: Int) -> Int

private let mutation = Mutation(target) { bytes, longest, _ in
    let count = bytes.count
    let room = max(count + 64, min(2 * count, longest))
    bytes = [UInt8](unsafeUninitializedCapacity: room) { buffer, initialized in
        guard let start = buffer.baseAddress else { return }
        bytes.withUnsafeBufferPointer { if let source = $0.baseAddress { start.update(from: source, count: count) } }
        initialized = libFuzzerMutate(start, count, room)
    }
}

@_cdecl("LLVMFuzzerInitialize")
public func initialize(_ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutableRawPointer) -> CInt {
    _ = target
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    target.run(UnsafeRawBufferPointer(start: bytes, count: count), limits: .sanitized)
    return 0
}

@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(_ bytes: UnsafeMutablePointer<UInt8>, _ count: Int, _ most: Int, _ seed: CUnsignedInt) -> Int {
    var dice = Dice(seed: UInt64(seed))
    let result = mutation(Array(UnsafeBufferPointer(start: bytes, count: count)), longest: most, dice: &dice)
    result.withUnsafeBufferPointer { if let start = $0.baseAddress { bytes.update(from: start, count: $0.count) } }
    return result.count
}

private typealias Arguments = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
    _ count: UnsafeMutablePointer<CInt>, _ arguments: UnsafeMutablePointer<Arguments?>,
    _ test: @convention(c) (UnsafePointer<UInt8>?, Int) -> CInt
) -> CInt

/// The package manager takes a program's `main` from a function of this name.
@_cdecl("fuzzer_main")
public func fuzzerMain(_ count: CInt, _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> CInt {
    var (count, arguments) = (count, arguments)
    return runDriver(&count, &arguments, testOneInput)
}
