import Foundation
import TestSupport
import Testing

extension CommandTests {
    /// Scripts that run in a folder of their own, with fixtures at hand.
    private static func shell(_ script: String) async throws -> PerceptProcess {
        let folder = try TemporaryFolder()
        return try await PerceptProcess.shell(
            "cd \"$FOLDER\"\n" + script,
            environment: [
                "FOLDER": folder.url.path, "PHOTO": PerceptProcess.photo, "VIDEO": PerceptProcess.video,
                "CLIP": PerceptProcess.checkpoints.appending(path: "clip.pt").path,
            ])
    }

    private static func sources(_ run: PerceptProcess) -> [String] {
        run.lines.compactMap { line in
            let item = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return item?["source"] as? String
        }
    }

    private static func embeddings(_ run: PerceptProcess) -> [[Double]] {
        run.lines.compactMap { line in
            let item = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return item?["embedding"] as? [Double]
        }
    }

    @Suite("Folders")
    struct FolderTests {
        @Test("Links are followed and loops cut; files count by their names or by how they begin")
        func links() async throws {
            let run = try await shell(
                """
                mkdir -p real/sub/.hidden; cp "$PHOTO" real/a.jfif; cp "$PHOTO" real/noname; cp "$VIDEO" real/sub/film
                cp "$PHOTO" real/.b.jpg; cp "$PHOTO" real/sub/.hidden/c.jpg; echo text > real/notes.txt
                echo 'export {}' > real/module.ts; mkfifo real/pipe.jpg; ln -s "$PHOTO" real/z.jpg
                ln -s .. real/sub/up; ln -s real link; mkdir other; cp "$PHOTO" other/o.jpg; ln -s ../../other real/sub/other
                python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("real/s.jpg")' 2> /dev/null
                "$PERCEPT" embed --quiet --jsonl --recursive link
                """)
            #expect(run.status == 0, "\(run.errors)")
            #expect(
                sources(run) == ["link/a.jfif", "link/noname", "link/sub/film", "link/sub/other/o.jpg", "link/z.jpg"])
        }

        @Test("A folder with nothing in it that looks like a picture is 66, one with damaged ones alone 65")
        func empty() async throws {
            let run = try await shell(
                """
                mkdir empty text bad; echo a > text/a.txt; echo a > bad/a.png; ln -s nowhere bad/b.jpg
                for folder in empty text bad; do "$PERCEPT" embed --recursive $folder; echo $?; done
                "$PERCEPT" embed bad; echo $?
                """)
            #expect(run.lines == ["66", "66", "65", "65"], "\(run.errors)")
            #expect(run.errors.contains("empty: holds nothing that looks like a picture or a video"))
            #expect(run.errors.contains("text: holds nothing that looks like a picture or a video"))
            #expect(run.errors.contains("bad/b.jpg: no such file"))
            #expect(run.errors.contains("bad: is a directory; --recursive takes what is in it"))
        }

        @Test("A folder that may not be read is named, and what is beside it is read")
        func unreadable() async throws {
            // Root may read everything, and steps down where it can.
            let run = try await shell(
                """
                mkdir -p all/closed; cp "$PHOTO" all/a.jpg; chmod 755 .; chmod 000 all/closed
                if [ "$(id -u)" = 0 ]; then run="setpriv --reuid=65534 --regid=65534 --clear-groups"; fi
                $run "$PERCEPT" embed --quiet --jsonl --recursive all; echo $?; chmod 700 all/closed
                """)
            #expect(sources(run) == ["all/a.jpg"], "\(run.errors)")
            #expect(run.lines.last == "65")
            #expect(run.errors.contains("all/closed: cannot be read: Permission denied"), "\(run.errors)")
        }
    }

    @Suite("Pipes")
    struct PipeTests {
        @Test("Pictures and videos come through pipes as from files")
        func media() async throws {
            let run = try await shell(
                """
                set -e
                "$PERCEPT" embed --quiet --jsonl "$PHOTO" "$VIDEO"
                cat "$PHOTO" | "$PERCEPT" embed --quiet --jsonl - "$VIDEO"
                "$PERCEPT" embed --quiet --jsonl /dev/stdin <(cat "$VIDEO") < "$PHOTO"
                mkfifo pipe; cat "$PHOTO" > pipe & "$PERCEPT" embed --quiet --jsonl pipe - < "$VIDEO"
                """)
            #expect(run.status == 0, "\(run.errors)")
            let embeddings = embeddings(run)
            try #require(embeddings.count == 8, "\(run.errors)")
            for index in embeddings.indices { #expect(embeddings[index] == embeddings[index % 2]) }
            #expect(sources(run)[2] == "-" && sources(run)[4] == "/dev/stdin" && sources(run)[6] == "pipe")
        }

        @Test("Every command that reads files reads standard input")
        func commands() async throws {
            let run = try await shell(
                """
                set -e
                cat "$PHOTO" | "$PERCEPT" features --quiet -
                cat "$PHOTO" | "$PERCEPT" caption --quiet --max-tokens 2 --json -
                cat "$PHOTO" | "$PERCEPT" ask --quiet --max-tokens 2 --json - "What is this?"
                printf 'one\\ntwo\\n' | "$PERCEPT" classify --quiet --jsonl --labels-file - "$PHOTO"
                "$PERCEPT" classify --quiet --jsonl --labels-file <(printf 'one\\ntwo\\n') "$PHOTO"
                """)
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.lines.count == 5)
            #expect(run.lines.first?.hasPrefix("-: ") == true)
            #expect(run.lines.last == run.lines.dropLast().last)
        }

        @Test("What cannot be read from a pipe is said")
        func refusals() async throws {
            let run = try await shell(
                """
                cat "$PHOTO" | "$PERCEPT" embed - -; echo $?
                cat "$PHOTO" | "$PERCEPT" classify --labels-file - -; echo $?
                cat "$PHOTO" | "$PERCEPT" embed --files-from - -; echo $?
                cat "$PHOTO" | "$PERCEPT" chat -; echo $?
                "$PERCEPT" embed - < /dev/null; echo $?
                "$PERCEPT" embed - <&-; echo $?
                head -c 70000000 /dev/zero | "$PERCEPT" embed -; echo $?
                "$PERCEPT" embed /dev/zero; echo $?
                printf '\\377\\330\\377\\340' > hole.jpg; truncate -s 8G hole.jpg; "$PERCEPT" embed hole.jpg; echo $?
                echo a | "$PERCEPT" watch - --labels-file -; echo $?
                "$PERCEPT" embed --model <(cat "$CLIP") "$PHOTO"; echo $?
                """)
            #expect(run.lines == ["64", "64", "64", "64", "65", "66", "65", "65", "65", "64", "65"], "\(run.errors)")
            #expect(run.errors.contains("standard input (-) can be read once"))
            #expect(run.errors.contains("standard input is where questions are read from"))
            #expect(run.errors.contains("-: cannot be read: nothing came through the pipe"))
            #expect(run.errors.contains("-: standard input is closed"))
            #expect(run.errors.contains("-: unsupported"))
            #expect(run.errors.contains("/dev/zero: cannot be read: is a device"))
            #expect(run.errors.contains("hole.jpg: unsupported: a picture of 8589934592 bytes"))
            #expect(run.errors.contains("not a regular file"))
        }
    }

    @Suite("Lists of files")
    struct ListTests {
        @Test("Lists name files by lines or by null bytes, behind those of the command line")
        func lists() async throws {
            let run = try await shell(
                """
                cp "$PHOTO" a.jpg; cp "$PHOTO" "$(printf 'b\\351\\nb.jpg')"; cp "$PHOTO" ./-; mkdir d; cp "$PHOTO" d/e.jpg
                cp "$PHOTO" "$(printf 'c.jpg\\r')"
                printf '\\357\\273\\277a.jpg\\r\\n\\r\\n-\\r\\nc.jpg\\r\\nmissing.jpg\\r\\nd' > list
                "$PERCEPT" embed --quiet --jsonl --recursive --files-from list "$PHOTO"; echo $?
                find . -name '*b.jpg' -print0 | "$PERCEPT" classify --labels a,b --quiet --jsonl --files-from - --null
                """)
            #expect(run.status == 0, "\(run.errors)")
            #expect(
                sources(run) == [
                    PerceptProcess.photo, "a.jpg", "./-", "c.jpg\r", "d/e.jpg", "./b\u{FFFD}\nb.jpg",
                ])
            #expect(run.lines.dropLast().last == "66")
            #expect(run.errors.contains("missing.jpg: no such file"))
        }

        @Test("Lists that are none are refused")
        func refusals() async throws {
            let run = try await shell(
                """
                printf 'a\\0b\\0' > null; printf '\\377\\376a\\0' > utf16; : > empty; head -c 200000 /dev/zero | tr '\\0' a > long
                for list in null utf16 empty long missing .; do "$PERCEPT" embed --files-from $list; echo $?; done
                "$PERCEPT" embed --null a.jpg; echo $?
                ls | "$PERCEPT" embed -; echo $?
                echo "$PHOTO" > names; "$PERCEPT" embed @names names; echo $?
                """)
            #expect(run.lines == ["65", "65", "66", "65", "66", "65", "64", "65", "65"], "\(run.errors)")
            #expect(run.errors.contains("null: line 1 has a byte of 0 in it; --null"))
            #expect(run.errors.contains("utf16: is in UTF-16"))
            #expect(run.errors.contains("empty: names no file"))
            #expect(run.errors.contains("long: is no list of names"))
            #expect(run.errors.contains("-: unsupported: not a media format that is known here; --files-from - takes"))
            #expect(run.errors.contains("@names: no such file; --files-from takes lists of names"))
            #expect(run.errors.contains("; --files-from names takes lists of names"))
        }

        @Test("Results come before the list has ended, and captions of a list are items")
        func streaming() async throws {
            let run = try await shell(
                """
                mkfifo go
                { for i in 1 2 3; do echo "$PHOTO"; done; read -r line < go; echo "$VIDEO"; } \\
                | timeout 60 "$PERCEPT" embed --quiet --batch 1 --jsonl --files-from - \\
                | { read -r first; echo go > go; wc -l; }
                echo "$PHOTO" | "$PERCEPT" caption --quiet --json --max-tokens 2 --files-from - | grep -c '^{"items":'
                """)
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.lines == ["3", "1"])
        }
    }

    @Suite("Arguments that are something else")
    struct MistakenArgumentTests {
        @Test(
            "A question that was forgotten is 64, and the file is named",
            arguments: [
                ["a.png"], ["a.png", "b.png"], ["missing.jpg"], ["-"], ["a.png", "."], ["What is this?", "a.png"],
                ["https://example.org/a"], ["a.png", "missing.mp4"], ["a.png", " "],
            ])
        func forgottenQuestion(arguments: [String]) async throws {
            let folder = try TemporaryFolder()
            for name in ["a.png", "b.png"] {
                try FileManager.default.copyItem(
                    at: URL(filePath: PerceptProcess.photo), to: folder.url.appending(path: name))
            }
            let quoted = arguments.map { "'\($0)'" }.joined(separator: " ")
            let run = try await PerceptProcess.shell(
                "cd \"$FOLDER\"; \"$PERCEPT\" ask \(quoted) < /dev/null", environment: ["FOLDER": folder.url.path])
            #expect(run.status == 64, "\(run.errors)")
            #expect(run.output.isEmpty)
            #expect(run.errors.contains(arguments.last == " " ? "empty" : arguments.last ?? ""), "\(run.errors)")
        }

        @Test("A question that speaks of a file is a question")
        func question() async throws {
            let run = try await PerceptProcess.run([
                "ask", "--quiet", "--max-tokens", "2", PerceptProcess.photo, "What is in photo.png",
            ])
            #expect(run.status == 0, "\(run.errors)")
        }

        @Test("Advice says what may have been meant")
        func advice() async throws {
            let run = try await shell(
                """
                cp "$PHOTO" a.png; echo one > labels.txt
                "$PERCEPT" ask a.png What is this; echo $?
                "$PERCEPT" caption --max-tokens 1 a.png "What is this?" > /dev/null; echo $?
                "$PERCEPT" classify --labels one two a.png --quiet > /dev/null; echo $?
                "$PERCEPT" classify --labels labels.txt a.png; echo $?
                "$PERCEPT" embed "https://example.org/a.png" "~/a.png" "*.jpg"; echo $?
                "$PERCEPT" embed --text a.png > /dev/null; echo $?
                "$PERCEPT" embed --quiet --jsonl "file://$PWD/%61.png" | wc -l
                """)
            #expect(run.lines == ["66", "66", "66", "64", "66", "0", "1"], "\(run.errors)")
            for advice in [
                "What: no such file; a question of several words is put in quotes",
                "What is this?: no such file; percept ask takes questions",
                "two: no such file; labels go into one argument, with commas between them",
                "--labels labels.txt: is a file; --labels-file takes the labels in it",
                "a.png: no such file; only files are read here", "~/a.png: no such file; the shell has left ~ as it is",
                "*.jpg: no such file; no name is like that", "--text a.png embeds these letters",
            ] {
                #expect(run.errors.contains(advice), "\(run.errors)")
            }
        }

        @Test("Labels are trimmed between commas alone, and none is there twice")
        func labels() async throws {
            let run = try await shell(
                """
                printf ' a \\n\\n  \\nb\\n' > spaced; printf 'a\\nb\\na\\n' > doubled
                "$PERCEPT" classify --quiet --jsonl --labels " a, b c ,d" "$PHOTO"
                "$PERCEPT" classify --quiet --jsonl --labels-file spaced "$PHOTO"
                "$PERCEPT" classify --labels "a,b, a" "$PHOTO"; echo $?
                "$PERCEPT" classify --labels "a, ,b" "$PHOTO"; echo $?
                "$PERCEPT" classify --labels-file doubled "$PHOTO"; echo $?
                "$PERCEPT" watch test: --labels "a,b, a"; echo $?
                """)
            #expect(run.lines.suffix(4) == ["64", "64", "64", "64"], "\(run.errors)")
            let found = try run.lines.prefix(2).map { line in
                let item = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
                return Set(try #require(item["labels"] as? [[String: Any]]).compactMap { $0["label"] as? String })
            }
            #expect(found == [["a", "b c", "d"], [" a ", "b"]])
            #expect(run.errors.contains("--labels has the label “a” twice"))
            #expect(run.errors.contains("doubled has the label “a” twice"))
        }
    }
}
