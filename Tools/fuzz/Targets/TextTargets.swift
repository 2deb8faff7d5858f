import Foundation
import PerceptFiles
import PerceptJSON
import PerceptModels

let textTargets: [FuzzTarget] = [
    FuzzTarget(
        "json", "the parser: what is read is written and read again, the same", longest: 1 << 14,
        seeds: [
            "Tests/CheckpointTests/Fixtures/expected.json", "Tests/Fixtures/pe/golden-a.json",
            "Tests/Fixtures/plm/files/transformers/*.json", "Tests/TokenizerTests/Fixtures/clip_tokens.json",
        ],
        made: {
            [
                ("deep", Array(repeatElement(UInt8(ascii: "["), count: 12_000))),
                ("escapes", Array("\"\\ud800\\udc00\\u0000\\n\"".utf8)),
                (
                    "numbers",
                    Array("[-0,1e-400,1e400,9223372036854775807,9223372036854775808,-9223372036854775809,0.1]".utf8)
                ),
                ("names", Array("{\"\u{E9}\":1,\"e\u{301}\":2}".utf8)),
            ]
        }, words: ["\\u0000", "\\ud83d", "null", "true", "1e999", "-0.0", "{\"a\":", "[[", "\u{FEFF}"]
    ) { bytes in
        for refuses in [true, false] {
            guard let json = try? JSON(parsing: bytes, mostValues: 1_000_000, refusesRepeatedNames: refuses) else {
                continue
            }
            var text = json.text(isIndented: refuses)
            let again = text.withUTF8 {
                try? JSON(parsing: UnsafeRawBufferPointer($0), mostValues: 1_000_000, refusesRepeatedNames: refuses)
            }
            require(again == json, "JSON that is written is read as something else")
        }
    },
    FuzzTarget(
        "regions", "boxes in answers, placeholders in questions, prompts", longest: 2048,
        made: {
            [
                ("box", Array("[0, 12, 999, 1000]".utf8)), ("placeholder", Array("What is in <|bbox0|>?".utf8)),
                ("image", Array("<image> and <image>, <video>".utf8)),
            ]
        }, words: ["<|bbox0|>", "<|bbox", "<image>", "<video>", "[0,0,999,999]", "000", "<|image|>", "<|eot_id|>"]
    ) { bytes in
        let text = String(decoding: bytes, as: UTF8.self)
        if let box = RegionBox(firstIn: text) {
            let corners = box.corners(imageWidth: 640, imageHeight: 480)
            require(corners.allSatisfy(\.isFinite), "a box at \(corners)")
            _ = try? RegionBox.replacingPlaceholders(in: text, with: [box])
        }
        _ = try? RegionBox.replacingPlaceholders(in: text, with: [])
        let prompt = PLMPrompt(turns: [.user(text), .assistant(text), .user(text)])
        let parts = prompt.parts(tokensPerChunk: 4)
        require(!parts.rendered().isEmpty, "an empty prompt")
    },
    FuzzTarget(
        "file-names", "names of files: bytes carried in text and back", longest: 256,
        made: {
            [
                ("latin", [0x63, 0x61, 0x66, 0xE9, 0x2E, 0x6A, 0x70, 0x67]),
                ("carrier", Array("\u{10FF80}/\u{10FFFF}".utf8)),
                ("mark", Array("a/\u{301}b.\u{301}c".utf8)), ("cut", [0xF4, 0x8F, 0xBF]),
            ]
        }, words: ["/", ".", "\u{10FFFF}", "\u{301}", "%F4%8F%BF%BF", ".."]
    ) { bytes in
        let name = Array(bytes)
        let text = FileName.text(name)
        require(FileName.bytes(text) == name, "another name comes back")
        require(FileName.text(percentDecoding: FileName.percentEncoded(text)) == text, "an address is of another name")
        require(!name.contains(0) ? FileName.withBytes(text) { strlen($0) } == name.count : true, "a name is cut")
        require(FileName.shown(text).unicodeScalars.allSatisfy { $0.value < 0x10FF80 }, "a carrier is shown")
        let (folder, last) = (FileName.folder(text), FileName.last(text))
        require(!last.utf8.contains(UInt8(ascii: "/")), "a name with a slash")
        let slashes = zip(name, name.dropFirst()).filter { $0 == UInt8(ascii: "/") && $1 == $0 }
        if name.contains(UInt8(ascii: "/")), slashes.isEmpty {
            require(FileName.bytes(FileName.joined(folder, last)) == name, "the parts are not the whole")
        }
        _ = (FileName.suffix(text), FileName.stem(text), FileName.literal(text), FileName.isText(text))
    },
]
