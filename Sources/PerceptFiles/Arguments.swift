#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The command line as the system handed it over.
package enum Arguments {
    /// The arguments behind the program's name, as ``FileName`` carries names: `CommandLine.arguments` has lost the bytes
    /// that are no text.
    package static var given: [String] {
        (1..<max(1, Int(CommandLine.argc))).compactMap { index in
            CommandLine.unsafeArgv[index].map { argument in
                FileName.text(
                    UnsafeBufferPointer(start: argument, count: length(argument)).lazy.map(UInt8.init(bitPattern:)))
            }
        }
    }

    /// A variable of the environment that names a file; nil where it is not set.
    package static func variable(_ name: String) -> String? {
        getenv(name).map { value in
            FileName.text(UnsafeBufferPointer(start: value, count: length(value)).lazy.map(UInt8.init(bitPattern:)))
        }
    }

    private static func length(_ argument: UnsafePointer<CChar>) -> Int {
        var count = 0
        while argument[count] != 0 { count += 1 }
        return count
    }
}
