import Glibc

/// Strings as C wants them: an array of pointers to zero-terminated copies, freed when the value goes.
struct CStrings: ~Copyable {
    private let strings: UnsafeMutableBufferPointer<UnsafePointer<CChar>?>

    init(_ values: [String]) {
        strings = .allocate(capacity: values.count)
        _ = strings.initialize(from: values.map { UnsafePointer(strdup($0)) })
    }

    var count: UInt32 { UInt32(strings.count) }
    var pointer: UnsafePointer<UnsafePointer<CChar>?>? { UnsafePointer(strings.baseAddress) }

    deinit {
        for string in strings { free(UnsafeMutablePointer(mutating: string)) }
        strings.deallocate()
    }
}

extension String {
    /// The zero-terminated text in a fixed-size C array, which Swift imports as a tuple.
    init<Characters: BitwiseCopyable>(cBytes characters: Characters) {
        self = withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
