import Foundation
import PerceptFiles
import TestSupport
import Testing

extension CommandTests {
    @Suite("Names are bytes")
    struct FileNameTests {
        @Test("No two names have the same text, and each comes back")
        func roundTrip() {
            // Text; stray and cut sequences; surrogates and what lies beyond Unicode; the scalars that carry bytes.
            let names: [[UInt8]] = [
                Array("photo.jpg".utf8), Array("日本 é e\u{301}".utf8), [0xE9, 0x2E, 0x6A], [0x61, 0xC3],
                [0xED, 0xA0, 0x80],
                [0xF4, 0x90, 0x80, 0x80], [0xC0, 0xAF], [0xF4, 0x8F, 0xBE, 0x80], [0xF4, 0x8F, 0xBF, 0xBF], [0x80],
                [0xFF, 0xFE, 0x0A, 0x1B],
            ]
            for name in names { #expect(FileName.bytes(FileName.text(name)) == name) }
            #expect(Set(names.map { FileName.text($0) }).count == names.count)
            var random = SplitMix64(state: 1)
            for _ in 0..<2000 {
                let name = (0..<Int(random.next() % 9)).map { _ in
                    [0x61, 0xC3, 0xA9, 0xF4, 0x8F, 0xBE, 0xBF, 0x80, 0xE9][Int(random.next() % 9)] as UInt8
                }
                #expect(FileName.bytes(FileName.text(name)) == name)
            }
        }

        @Test("Names that are no text are shown with replacement marks")
        func shown() {
            #expect(FileName.shown(FileName.text([0x61, 0xE9, 0x2F, 0xFF])) == "a\u{FFFD}/\u{FFFD}")
            #expect(FileName.shown("é/日本") == "é/日本")
            #expect(FileName.literal(FileName.text([0xE9])) == nil)
            #expect(FileName.literal(FileName.text([0xF4, 0x8F, 0xBF, 0xBF])) == "\u{10FFFF}")
        }

        @Test("Parts of paths are told apart by bytes")
        func parts() {
            // A slash with a combining mark behind it is another character.
            let path = "a.b/\u{301}c.JPG"
            #expect(FileName.last(path) == "\u{301}c.JPG" && FileName.folder(path) == "a.b")
            #expect(FileName.suffix(path) == "jpg" && FileName.stem(path) == "\u{301}c")
            #expect(FileName.folder("a") == "." && FileName.folder("/a") == "/" && FileName.suffix("a.b/c") == "")
            #expect(FileName.suffix(".png") == "" && FileName.joined("a/", "b") == "a/b")
            #expect(FileName.text(percentDecoding: "%e9%2F%zz%4") == FileName.text([0xE9, 0x2F]) + "%zz%4")
        }

        @Test("Whatever a name is made of, files are read and written under it")
        func files() async throws {
            let folder = try TemporaryFolder()
            let run = try await PerceptProcess.shell(
                """
                cd "$FOLDER"; n=$(printf '\\351'); mkdir "d$n"; cp "$PHOTO" "d$n/$n.jpg"; cp "$PHOTO" plain.jpg
                cp "$MODEL"/clip.* "d$n"; printf 'a\\nb\\n' > "d$n/$n.txt"
                set -e
                "$PERCEPT" embed --quiet --jsonl "d$n/$n.jpg"
                "$PERCEPT" embed --quiet --jsonl --recursive "d$n"
                (cd "d$n" && "$PERCEPT" embed --quiet --jsonl "$n.jpg")
                "$PERCEPT" embed --quiet --jsonl plain.jpg
                "$PERCEPT" classify --quiet --jsonl --labels-file "d$n/$n.txt" --model "d$n/clip.pt" "d$n/$n.jpg"
                "$PERCEPT" embed --quiet --jsonl --model "d$n" "d$n/$n.jpg" > /dev/null
                "$PERCEPT" embed --quiet --out "d$n/$n.npy" "d$n/$n.jpg"
                "$PERCEPT" watch --quiet --no-preview "test:?frames=2" --every-frame --labels-file "d$n/$n.txt" \\
                --record "d$n/$n.jsonl" --annotate "d$n/$n.mp4" --trace "d$n/$n.json" --pca "p$n" > /dev/null
                for file in .npy .npy.sources .jsonl .mp4 .json; do test -s "d$n/$n$file"; done
                ls "p$n" | grep -q 000000.png
                """,
                environment: [
                    "FOLDER": folder.url.path, "PHOTO": PerceptProcess.photo, "MODEL": PerceptProcess.checkpoints.path,
                ])
            #expect(run.status == 0, "\(run.errors)")
            let items = try run.lines.map {
                try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
            #expect(
                items.map { $0["source"] as? String } == [
                    "d\u{FFFD}/\u{FFFD}.jpg", "d\u{FFFD}/\u{FFFD}.jpg", "\u{FFFD}.jpg", "plain.jpg",
                    "d\u{FFFD}/\u{FFFD}.jpg",
                ])
            let embeddings = items.prefix(4).compactMap { $0["embedding"] as? [Double] }
            #expect(embeddings.count == 4 && embeddings.allSatisfy { $0 == embeddings[0] })
        }

        @Test("Messages show names that are no text, and control no terminal")
        func messages() async throws {
            let folder = try TemporaryFolder()
            let run = try await PerceptProcess.shell(
                """
                cd "$FOLDER"
                "$PERCEPT" embed "$(printf 'a\\033[31m\\nb\\351.jpg')"; echo $?
                "$PERCEPT" embed --jsonl --quiet --text "$(printf 'a\\351')"; echo $?
                """, environment: ["FOLDER": folder.url.path])
            #expect(run.lines == ["66", "64"])
            #expect(run.errors.contains("a\\u{1B}[31m\\nb\u{FFFD}.jpg: no such file"), "\(run.errors)")
            #expect(run.errors.contains("--text is not in UTF-8"), "\(run.errors)")
        }
    }
}
