import Foundation

extension FuzzTarget {
    /// What to begin with: the files that the patterns stand for, as far as they are there, and what is made by formula.
    package func firstInputs() -> [(name: String, bytes: [UInt8])] {
        var inputs: [(name: String, bytes: [UInt8])] = []
        for pattern in seeds {
            let url = URL(filePath: "\(Repository.root)/\(pattern)")
            let parts = url.lastPathComponent.components(separatedBy: "*")
            let folder = url.deletingLastPathComponent().path
            for name in (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? [] {
                let isWanted =
                    parts.count == 1 ? name == parts[0] : name.hasPrefix(parts[0]) && name.hasSuffix(parts[1])
                guard isWanted, let data = FileManager.default.contents(atPath: "\(folder)/\(name)"),
                    data.count <= Self.largestSeed
                else { continue }
                inputs.append((name, Array(data)))
            }
        }
        // As libFuzzer does it: what is too long is cut.
        return (inputs + made()).map { ($0.name, Array($0.bytes.prefix(longest))) }
    }

    /// Larger files say nothing that smaller ones do not, and take longer.
    private static let largestSeed = 1 << 18

    /// Writes the inputs to begin with into `folder`, and ``words`` as libFuzzer's dictionary to `dictionary`.
    package func writeFirstInputs(to folder: String, dictionary: String) throws {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        for (index, input) in firstInputs().enumerated() {
            try Data(input.bytes).write(to: URL(filePath: "\(folder)/\(index)-\(input.name)"))
        }
        let lines = words.map { word in
            "\"" + word.utf8.map { "\\x" + String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() + "\"\n"
        }
        try lines.joined().write(toFile: dictionary, atomically: true, encoding: .utf8)
    }
}
