import Foundation
import Percept
import Testing

/// Errors of the layers below keep their kind on the way up.
@Suite struct FaultKindTests {
    /// Every error type of the sources that is thrown across targets says its kind itself: none falls to the default, which
    /// calls it a fault of Percept's.
    @Test func everyErrorTypeKnowsItsKind() throws {
        let sources = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Sources")
        // Caught where they arise, or wrapped by who knows the file.
        let inner = ["JSONError", "ImportError", "Fault"]
        var unclassified: [String] = []
        var known = 0
        let files = try #require(FileManager.default.enumerator(at: sources, includingPropertiesForKeys: nil))
        var texts: [String] = []
        for case let file as URL in files where file.pathExtension == "swift" {
            texts.append(try String(contentsOf: file, encoding: .utf8))
        }
        for text in texts where !text.contains("public struct PerceptError") {
            for match in text.matches(of: /package (?:enum|struct|final class) (\w+): [^\n{]*\bError\b/) {
                let name = String(match.1)
                let conforms = texts.contains { $0.contains("extension \(name): KnownFault") }
                if conforms { known += 1 } else if !inner.contains(name) { unclassified.append(name) }
            }
        }
        #expect(unclassified == [])
        #expect(known > 5)
    }
}
