import Foundation
import TestSupport
import Testing

extension CommandTests {
    @Suite("classify")
    struct ClassifyTests {
        @Test("Labels come back byte for byte, by probability")
        func labels() async throws {
            // A decomposed accent, spaces at the ends, characters that JSON escapes, text from right to left.
            let labels = ["cafe\u{301} ", " a \"quoted\" \\ label", "日本語", "שלום", "tab\there", "a red circle"]
            let run = try await PerceptProcess.run([
                "classify", "--json", "--quiet", "--labels", labels.joined(separator: ","), PerceptProcess.photo,
            ])
            #expect(run.status == 0)
            let document = try run.object()
            #expect(Set(document.keys) == ["items"])
            let item = try #require((document["items"] as? [[String: Any]])?.first)
            #expect(Set(item.keys) == ["source", "labels"])
            let entries = try #require(item["labels"] as? [[String: Any]])
            let found = entries.compactMap { $0["label"] as? String }
            // Swift's strings are equal when they look the same; here bytes count.
            // Blanks around the commas are not the labels'.
            let trimmed = labels.map { $0.trimmingCharacters(in: .whitespaces) }
            #expect(Set(found.map { Array($0.utf8) }) == Set(trimmed.map { Array($0.utf8) }))
            let probabilities = entries.compactMap { $0["probability"] as? Double }
            #expect(probabilities.count == labels.count)
            #expect(probabilities == probabilities.sorted(by: >))
            #expect(abs(probabilities.reduce(0, +) - 1) < 1e-4)
        }

        @Test("A labels file has one a line, with the line ends of either world", arguments: ["\n", "\r\n"])
        func labelsFile(lineEnd: String) async throws {
            let folder = try TemporaryFolder()
            let text = "\u{FEFF}" + ["one, two", "", " three "].joined(separator: lineEnd) + lineEnd
            let file = try folder.write(text.utf8, "labels.txt")
            let run = try await PerceptProcess.run([
                "classify", "--jsonl", "--quiet", "--labels-file", file, "--template", "a {}", "--template", "the {}",
                PerceptProcess.photo, PerceptProcess.video,
            ])
            #expect(run.status == 0)
            #expect(run.lines.count == 2)
            for line in run.lines {
                let item = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                let labels = try #require(item["labels"] as? [[String: Any]]).compactMap { $0["label"] as? String }
                #expect(Set(labels) == ["one, two", " three "])
            }
        }

        @Test("A labels file that is not text is bad data")
        func badLabelsFile() async throws {
            let folder = try TemporaryFolder()
            let file = try folder.write([0x61, 0x0A, 0xFF, 0x0A], "labels.txt")
            let run = try await PerceptProcess.run(["classify", "--labels-file", file, PerceptProcess.photo])
            #expect(run.status == 65)
            #expect(run.errors.contains("labels.txt: line 2"))
        }

        @Test("Columns stay aligned behind wide characters")
        func table() async throws {
            let run = try await PerceptProcess.run([
                "classify", "--quiet", "--labels", "日本語のラベル,plain,cafe\u{301}", PerceptProcess.photo,
            ])
            #expect(run.status == 0)
            #expect(run.lines.count == 4)
            let ends = run.lines.map { line in
                line.unicodeScalars.reduce(0) { cells, scalar in
                    cells + (scalar.value == 0x301 ? 0 : scalar.value >= 0x3041 && scalar.value < 0xA000 ? 2 : 1)
                }
            }
            #expect(Set(ends).count == 1, "lines end at \(ends)")
        }
    }
}
