import Foundation
import PerceptCheckpoint
import TestSupport
import Testing

extension CommandTests {
    /// A script in a folder of its own, in which `p0.png` to `p9.png` are pictures, and `LIST` names them.
    private static func shell(_ script: String, in folder: TemporaryFolder? = nil) async throws -> PerceptProcess {
        let folder = try folder ?? TemporaryFolder()
        return try await PerceptProcess.shell(
            """
            cd "$FOLDER" || exit 99
            for i in 0 1 2 3 4 5 6 7 8 9; do cp "$DEMO/one-00$i.png" p$i.png; done
            ls p?.png > LIST
            \(script)
            """,
            environment: [
                "FOLDER": folder.url.path, "DEMO": PerceptProcess.fixtures.appending(path: "demo").path,
                "WATCH": "watch test:?frames=4000&size=64x64 --as-fast-as-possible --every-frame --no-preview --quiet",
            ])
    }

    private static func floats(_ bytes: Data) -> [Float] {
        let start = 10 + Int(bytes[8]) + Int(bytes[9]) << 8
        let body = [UInt8](bytes[start...])
        return body.withUnsafeBytes { bytes in
            stride(from: 0, to: bytes.count, by: 4).map { bytes.loadUnaligned(fromByteOffset: $0, as: Float.self) }
        }
    }

    @Suite("embed --out")
    struct RowTests {
        @Test("Every input has a row, of NaN where it could not be read, and a line that says why")
        func rows() async throws {
            let folder = try TemporaryFolder()
            let run = try await CommandTests.shell(
                #"""
                head -c 100 p1.png > torn.png; cp p2.png "$(printf 'a\tb\nc\\d\351.png')"
                "$PERCEPT" embed --quiet --out a.npy p0.png torn.png nowhere.png "$(printf 'a\tb\nc\\d\351.png')" --text 'a\b'
                echo $?
                "$PERCEPT" embed --quiet --out a.safetensors p0.png torn.png nowhere.png --text 'a\b'; echo $?
                "$PERCEPT" embed --quiet --out b.npy p0.png; ls | grep partial
                """#, in: folder)
            #expect(run.lines == ["65", "65"], "\(run.errors)")
            let bytes = try Data(contentsOf: folder.url.appending(path: "a.npy"))
            let values = CommandTests.floats(bytes)
            let width = values.count / 5
            #expect(String(decoding: bytes.prefix(128), as: UTF8.self).contains("'shape': (5, \(width))"))
            let isNaN = (0..<5).map { values[$0 * width..<($0 + 1) * width].allSatisfy(\.isNaN) }
            #expect(isNaN == [false, true, true, false, false])
            // What is encoded at once decides nothing.
            let alone = CommandTests.floats(try Data(contentsOf: folder.url.appending(path: "b.npy")))
            #expect(zip(alone, values).allSatisfy { abs($0 - $1) < 0.01 } && alone.count == width)

            let sources = [UInt8](try Data(contentsOf: folder.url.appending(path: "a.npy.sources")))
            let lines = sources.split(separator: 0x0A).map {
                $0.split(separator: 0x09, omittingEmptySubsequences: false)
            }
            #expect(lines.map(\.count) == [2, 2, 2, 2, 2])
            #expect(lines.map { Array($0[0]) }[0] == Array("p0.png".utf8))
            #expect(lines.map { Array($0[0]) }[3] == Array(#"a\tb\nc\\d"#.utf8) + [0xE9] + Array(".png".utf8))
            #expect(lines.map { Array($0[0]) }[4] == Array(#"a\\b"#.utf8))
            #expect(lines.map { $0[1].isEmpty } == [true, false, false, true, true])
            #expect(String(decoding: lines[2][1], as: UTF8.self).contains("no such file"))

            let file = try Checkpoint(contentsOf: folder.url.appending(path: "a.safetensors").path)
            #expect(file["embeddings"]?.shape == [4, width])
            let header = String(
                decoding: try Data(contentsOf: folder.url.appending(path: "a.safetensors")).prefix(2000), as: UTF8.self)
            #expect(header.contains("nowhere.png") && header.contains("faults") && header.contains("no such file"))
        }

        @Test("Names that leave no room for the list are refused before any work")
        func longNames() async throws {
            let run = try await CommandTests.shell(
                #"""
                n=$(printf '%0244d' 0)
                "$PERCEPT" embed --quiet --out $n.npy nowhere.png 2> errors; echo $?; grep -c sources errors
                n=$(printf '%0239d' 0)
                "$PERCEPT" embed --quiet --out $n.npy p0.png; echo $?; ls $n.npy $n.npy.sources | wc -l
                n=$(printf '%0243d' 0)
                "$PERCEPT" embed --quiet --out $n.safetensors p0.png; echo $?; ls | grep -c partial
                """#)
            #expect(run.lines == ["64", "1", "0", "2", "0", "0"], "\(run.errors)")
        }

        /// Starts on a list that is not written to its end, and is killed when some rows are on disk.
        private static let killed = #"""
            mkfifo pipe
            "$PERCEPT" embed --quiet --batch 2 --out a.npy --files-from pipe & pid=$!
            exec 3> pipe; head -n 8 LIST >&3
            for i in $(seq 600); do
                [ "$(stat -c %s a.npy.percept.partial 2> /dev/null || echo 0)" -gt 4000 ] && break; sleep 0.05
            done
            kill -9 $pid; wait $pid 2> /dev/null; exec 3>&-
            ls a.npy*
            """#

        @Test("A killed run is gone on with, and what comes of it is the same, bit for bit")
        func resume() async throws {
            let run = try await CommandTests.shell(
                Self.killed + "\n" + #"""
                    "$PERCEPT" embed --batch 2 --resume --out a.npy --files-from LIST --text end 2> errors; echo $?
                    grep -c 'encoded before' errors
                    "$PERCEPT" embed --quiet --batch 2 --out b.npy --files-from LIST --text end
                    cmp a.npy b.npy && cmp a.npy.sources b.npy.sources && ls a.npy*
                    """#)
            #expect(
                run.lines == ["a.npy.percept.partial", "0", "1", "a.npy", "a.npy.sources"], "\(run.text) \(run.errors)")
        }

        @Test("Inputs that were changed, and other options, are not taken for what was encoded before")
        func changedInputs() async throws {
            let run = try await CommandTests.shell(
                Self.killed + "\n" + #"""
                    cp a.npy.percept.partial kept; cp p9.png p1.png
                    "$PERCEPT" embed --quiet --batch 2 --resume --out a.npy --files-from LIST; echo $?
                    "$PERCEPT" embed --quiet --batch 2 --out b.npy --files-from LIST
                    cmp a.npy b.npy && echo same
                    cp kept c.npy.percept.partial
                    "$PERCEPT" embed --quiet --batch 3 --resume --out c.npy --files-from LIST
                    "$PERCEPT" embed --quiet --batch 3 --out d.npy --files-from LIST
                    cmp c.npy d.npy && echo same
                    head -c 3000 kept > e.npy.percept.partial; printf 'no rows' > f.npy.percept.partial
                    for f in e f; do
                        "$PERCEPT" embed --quiet --batch 2 --resume --out $f.npy --files-from LIST; cmp $f.npy b.npy && echo same
                    done
                    ls | grep -c partial
                    """#)
            #expect(
                run.lines == ["a.npy.percept.partial", "0", "same", "same", "same", "same", "0"],
                "\(run.text) \(run.errors)")
        }

        @Test("Ended by a signal, a run with --resume keeps its rows, and one without leaves nothing")
        func signals() async throws {
            let run = try await CommandTests.shell(
                #"""
                for option in --resume ''; do
                    mkfifo pipe
                    "$PERCEPT" embed --quiet --batch 2 --out a.npy $option --files-from pipe & pid=$!
                    exec 3> pipe; head -n 8 LIST >&3
                    for i in $(seq 600); do
                        [ "$(stat -c %s a.npy.percept.partial 2> /dev/null || echo 0)" -gt 4000 ] && break; sleep 0.05
                    done
                    kill -TERM $pid; wait $pid; echo $?; exec 3>&-; rm pipe
                    ls | grep -c a.npy
                done
                """#)
            #expect(run.lines == ["143", "1", "143", "0"], "\(run.text) \(run.errors)")
        }
    }

    @Suite("Outputs that take nothing more")
    struct FullOutputTests {
        @Test("A full disk is 74 and one line, whoever writes, and nothing is left")
        func fullDisk() async throws {
            let run = try await CommandTests.shell(
                #"""
                for f in o.npy o.safetensors o.png o.json o.html r.jsonl; do ln -s /dev/full $f; done
                t() { "$@" > out 2> errors; echo "$? $(wc -l < errors) $(grep -c 'o space left' errors)"; }
                t "$PERCEPT" embed --quiet --out o.npy p0.png
                t "$PERCEPT" embed --quiet --out o.safetensors p0.png
                t "$PERCEPT" features --quiet --pca o.png p0.png
                t "$PERCEPT" features --quiet --out o.npy p0.png
                t "$PERCEPT" profile --quiet --runs 1 --trace o.json
                t "$PERCEPT" profile --quiet --runs 1 --html o.html
                t "$PERCEPT" $WATCH --trace o.json --frames 30
                t "$PERCEPT" $WATCH --record r.jsonl --frames 30
                "$PERCEPT" embed --quiet --jsonl p0.png 2> errors > /dev/full; echo "$? $(wc -l < errors)"
                "$PERCEPT" help > /dev/full 2> errors; echo "$? $(wc -l < errors)"
                ls | grep -c partial
                """#)
            let files = Array(repeating: "74 1 1", count: 8)
            #expect(run.lines == files + ["74 1", "74 1", "0"], "\(run.text) \(run.errors)")
        }

        @Test("A closed pipe ends the command quietly, and what was recorded is complete")
        func closedPipe() async throws {
            let run = try await CommandTests.shell(
                #"""
                "$PERCEPT" embed --quiet --jsonl p?.png p?.png p?.png 2> errors | head -n 1 > out
                echo "${PIPESTATUS[0]} $(wc -l < errors)"
                "$PERCEPT" $WATCH --json --record r.jsonl --trace t.json --annotate v.mp4 2> errors | head -n 1 > out
                echo "${PIPESTATUS[0]} $(wc -l < errors)"
                [ $(wc -l < r.jsonl) -gt 0 ] && tail -n 1 r.jsonl | grep -c '}$'; tail -n 1 t.json; ls v.mp4; ls | grep -c partial
                """#)
            #expect(run.lines == ["141 0", "141 0", "1", "]}", "v.mp4", "0"], "\(run.text) \(run.errors)")
        }

        @Test("Streams that are closed get nothing of another file, and are missed only where they are needed")
        func closedStreams() async throws {
            let run = try await CommandTests.shell(
                #"""
                "$PERCEPT" embed --quiet --out a.npy p0.png <&- >&- 2>&-; echo $?
                "$PERCEPT" embed --quiet --out b.npy p0.png; cmp a.npy b.npy && echo same
                "$PERCEPT" embed --quiet --jsonl p0.png >&-; echo $?
                "$PERCEPT" nonsense 2>&- ; echo $?
                """#)
            #expect(run.lines == ["0", "same", "74", "64"], "\(run.text) \(run.errors)")
        }

        @Test("A pipe and a link are written to, and a protected file is not")
        func destinations() async throws {
            let run = try await CommandTests.shell(
                #"""
                "$PERCEPT" embed --quiet --out b.npy p0.png p1.png
                mkfifo q.npy; cat q.npy > c.npy & "$PERCEPT" embed --quiet --out q.npy p0.png p1.png; echo $?; wait; cmp b.npy c.npy
                mkdir far; ln -s far/d.npy l.npy; "$PERCEPT" embed --quiet --out l.npy p0.png p1.png; cmp far/d.npy b.npy
                readlink l.npy; ls far; ls q.npy.sources 2> /dev/null
                umask 077; "$PERCEPT" embed --quiet --out m.npy p0.png; stat -c %a m.npy
                mkdir dir.npy; "$PERCEPT" embed --quiet --out dir.npy p0.png 2> errors; echo $?
                "$PERCEPT" features --quiet --pca p0.png ./p0.png 2> errors; echo $?
                "$PERCEPT" $WATCH --record o.jsonl --trace o.jsonl 2> errors; echo $?
                """#)
            #expect(
                run.lines == ["0", "far/d.npy", "d.npy", "600", "74", "64", "64"], "\(run.text) \(run.errors)")
        }
    }

    @Suite("Ends")
    struct EndingTests {
        @Test(
            "A hang-up finishes a recording, as SIGTERM does, unless it is ignored",
            arguments: ["HUP 129", "TERM 143", "INT 130"])
        func signals(_ expected: String) async throws {
            let name = expected.split(separator: " ")[0]
            let run = try await CommandTests.shell(
                #"""
                set -m
                "$PERCEPT" $WATCH --json --record r.jsonl --trace t.json > out & pid=$!
                for i in $(seq 600); do [ -s out ] && break; sleep 0.05; done
                kill -NAME $pid; wait $pid; echo NAME $?
                tail -n 1 r.jsonl | grep -c '}$'; tail -n 1 t.json; ls | grep -c partial
                """#.replacingOccurrences(of: "NAME", with: name))
            #expect(run.lines == [expected, "1", "]}", "0"], "\(run.text) \(run.errors)")
        }

        @Test("A hang-up that is ignored, as nohup has it, ends nothing")
        func ignoredHangUp() async throws {
            let run = try await CommandTests.shell(
                #"""
                (trap '' HUP; exec "$PERCEPT" $WATCH --json --frames 200 > out) & pid=$!
                for i in $(seq 600); do [ -s out ] && break; sleep 0.05; done
                kill -HUP $pid; wait $pid; echo $?; tail -n 1 out | grep -c fps
                """#)
            #expect(run.lines == ["0", "1"], "\(run.text) \(run.errors)")
        }

        @Test("No exit handler of a driver runs beside threads that are at work in it")
        func exitHandlers() async throws {
            let folder = try TemporaryFolder()
            let library = folder.url.appending(path: "slow_exit.so").path
            try CompiledLibrary.make("Tests/Fixtures/device/slow_exit.c", at: library)
            let run = try await CommandTests.shell(
                "ln -s /dev/full r.jsonl; LD_PRELOAD=\(library) \"$PERCEPT\" $WATCH --labels a,b --record r.jsonl > out; echo $?",
                in: folder)
            #expect(run.lines == ["74"], "\(run.text) \(run.errors)")
        }

        @Test("A full file-size limit is an error like a full disk")
        func fileSize() async throws {
            let run = try await CommandTests.shell(
                #"""
                (ulimit -f 8; "$PERCEPT" $WATCH --trace t.json --frames 400 > out 2> errors; echo "$? $(grep -c 'oo large' errors)")
                ls | grep -c t.json
                """#)
            #expect(run.lines == ["74 1", "0"], "\(run.text) \(run.errors)")
        }
    }
}
