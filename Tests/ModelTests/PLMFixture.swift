import Foundation
import PerceptCheckpoint
import PerceptModels
import Testing

/// Files of `Tests/Fixtures/plm`, written by `Tools/fixtures/plm.py`.
enum PLMFixture {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures/plm")

    static func path(_ name: String) -> String { folder.appending(path: name).path }

    static func decoded<Value: Decodable>(_ name: String, as type: Value.Type) throws -> Value {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try decoder.decode(type, from: Data(contentsOf: folder.appending(path: name)))
    }

    /// The object called `name` of a JSON file, as text.
    static func object(_ name: String, of file: String) throws -> Data {
        let root = try JSONSerialization.jsonObject(with: Data(contentsOf: folder.appending(path: file)))
        let object = try #require((root as? [String: Any])?[name])
        return try JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
    }

    /// Runs `body` in a directory of its own with these files in it.
    static func withDirectory<Result>(_ files: [String: Data], _ body: (String) throws -> Result) throws -> Result {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("percept-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        for (name, data) in files { try data.write(to: directory.appendingPathComponent(name)) }
        return try body(directory.path)
    }

    /// The configuration that `params.json` with this content describes.
    static func params(_ json: Data) throws -> PLMConfig {
        try withDirectory(["params.json": json]) { try PLMConfig(paramsFile: $0 + "/params.json", name: "x") }
    }

    /// The configuration that a directory of transformers with this `config.json` describes.
    static func transformers(_ json: Data, _ others: [String: String] = [:]) throws -> PLMConfig {
        var files = others.mapValues { Data($0.utf8) }
        files["config.json"] = json
        return try withDirectory(files) { try PLMConfig(transformersDirectory: $0, name: "x") }
    }
}
