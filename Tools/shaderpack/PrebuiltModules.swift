import Foundation
import PerceptShaders

/// SPIR-V carried in `Shaders/prebuilt/`: modules of rows whose extensions the compilers of distributions do not know.
///
/// A module's file is named by its row and by a hash of what it was made from, so that one that is out of date is not
/// found. `Tools/prebuild-shaders` makes them.
struct PrebuiltModules {
    /// `Shaders/`.
    let folder: URL

    /// The module of a row; nil if there is none, or it was made from other source.
    func module(of kernel: Kernel) throws -> Data? {
        guard let data = try? Data(contentsOf: folder.appending(path: "prebuilt/\(fileName(of: kernel))")) else {
            return nil
        }
        return data.isEmpty || data.count % 4 != 0 ? nil : data
    }

    /// Row and hash.
    func fileName(of kernel: Kernel) throws -> String {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for line in [CommonMemory.version, kernel.target] + kernel.defines + (try lines(of: kernel.file)) {
            for byte in line.utf8 + [10] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
        }
        let digits = String(hash, radix: 16)
        return "\(kernel.name)-\(String(repeating: "0", count: 16 - digits.count))\(digits).spv"
    }

    /// The lines that a compiler sees, includes in their places: comments and blank lines change no module.
    private func lines(of file: String) throws -> [String] {
        let url = folder.appending(path: file)
        guard let text = try? String(contentsOf: url, encoding: .utf8) else {
            throw PackError.unreadable(file: url.path())
        }
        return try text.split(separator: "\n").flatMap { line -> [String] in
            let code = line.firstRange(of: "//").map { line[..<$0.lowerBound] } ?? line
            let words = code.trimmingCharacters(in: .whitespaces)
            guard words.hasPrefix("#include") else { return words.isEmpty ? [] : [words] }
            return try lines(
                of: "include/" + words.dropFirst(8).trimmingCharacters(in: CharacterSet(charactersIn: " \"")))
        }
    }
}
