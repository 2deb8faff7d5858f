import Foundation

/// A C source as a shared library.
package enum CompiledLibrary {
    /// The compiler could not make a library.
    package struct Failure: Error {
        package let source: String
        package let status: Int32
    }

    /// - Parameter source: its path in the repository.
    package static func make(_ source: String, at path: String) throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardized
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments =
            ["cc", "-shared", "-fPIC", "-O1", "-o", path, root.appending(path: source).path]
        try compiler.run()
        compiler.waitUntilExit()
        guard compiler.terminationStatus == 0 else {
            throw Failure(source: source, status: compiler.terminationStatus)
        }
    }
}
