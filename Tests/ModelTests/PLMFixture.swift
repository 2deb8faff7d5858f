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

/// One model of `Tests/Fixtures/plm`: its configuration and what transformers computed.
struct PLMModelFixture: CustomTestStringConvertible, Sendable {
    static let formulas = ["tied", "untied", "narrow", "wide", "files"]
    /// The published decoders made small, of `RandomWeights(seed: seed)`.
    static let random = ["small-1b", "small-3b", "small-8b"]
    static let names = formulas + random
    static let seed: UInt64 = 3

    let name: String
    let config: PLMConfig
    let cases: [Case]

    var testDescription: String { name }

    init(_ name: String) throws {
        struct File: Decodable {
            let cases: [Case]
        }
        self.name = name
        config = try PLMFixture.params(PLMFixture.object("params", of: "\(name).json"))
        cases = try PLMFixture.decoded("\(name).json", as: File.self).cases
    }

    struct Case: Decodable, Sendable {
        let name: String
        let ids: [Int]
        /// The pixels are [chunks, 3, S, S] with flat element i equal to sin(0.05 i).
        let chunks: Int
        let placeholders: [Int]
        let logits: Floats
        let media: Floats?
        let continuation: [Int]
        let smallestLead: Double
    }

    /// Little-endian f32 in base64.
    struct Floats: Decodable, Sendable {
        let values: [Float]

        init(from decoder: any Decoder) throws {
            let data = Data(base64Encoded: try decoder.singleValueContainer().decode(String.self)) ?? Data()
            values = data.withUnsafeBytes { bytes in
                (0..<bytes.count / 4).map {
                    Float(bitPattern: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
                }
            }
        }
    }
}

/// L2 of the difference, relative to that of what was expected.
func relativeError(_ found: [Float], _ expected: [Float]) -> Double {
    guard found.count == expected.count else { return .infinity }
    let difference = zip(found, expected).reduce(0.0) { sum, pair in
        let error = Double(pair.0) - Double(pair.1)
        return sum + error * error
    }
    return (difference / expected.reduce(0.0) { $0 + Double($1) * Double($1) }).squareRoot()
}
