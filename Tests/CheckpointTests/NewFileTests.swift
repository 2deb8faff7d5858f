import Foundation
import PerceptFiles
import Testing

/// Files and directories that appear when they are complete, beside what others have left or are writing.
@Suite struct NewFileTests {
    private func names(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }

    private func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(filePath: path))) }

    @Test func whatAKilledWriterLeftIsRemoved() throws {
        try Fixture.withTemporaryDirectory { directory in
            // Its lock went with it.
            try Fixture.write([9, 9], to: directory + "/a.percept.partial")
            try FileManager.default.createDirectory(
                atPath: directory + "/d.percept.partial/inner", withIntermediateDirectories: true)
            try NewFile.write([1], to: directory + "/a")
            var folder = try NewDirectory(path: directory + "/d")
            try folder.commit()
            #expect(try names(directory) == ["a", "d"])
            #expect(try bytes(directory + "/a") == [1])
            #expect(try names(directory + "/d").isEmpty)
        }
    }

    @Test func twoWritersOfOneOutputDoNotMeet() throws {
        try Fixture.withTemporaryDirectory { directory in
            var first = try NewFile(path: directory + "/a")
            try first.write([1] as [UInt8])
            var second = try NewFile(path: directory + "/a")
            try second.write([2, 2] as [UInt8])
            let third = try NewFile(path: directory + "/a")
            #expect(Set([first.temporaryPath, second.temporaryPath, third.temporaryPath]).count == 3)
            try second.commit()
            #expect(try bytes(directory + "/a") == [2, 2])
            try first.commit()
            #expect(try bytes(directory + "/a") == [1])
            let folder = try NewDirectory(path: directory + "/d")
            let other = try NewDirectory(path: directory + "/d")
            #expect(folder.temporaryPath != other.temporaryPath)
        }
    }

    @Test func anUnfinishedRecordingIsKeptAside() throws {
        try Fixture.withTemporaryDirectory { directory in
            for round in 1...2 {
                try Fixture.write([9], to: directory + "/r.partial")
                var file = try NewFile(path: directory + "/r", as: .recording)
                #expect(file.keptAside == directory + "/r.partial.\(round)")
                #expect(file.temporaryPath == directory + "/r.partial")
                // That one is being written, so it stays where it is.
                let other = try NewFile(path: directory + "/r", as: .recording)
                #expect(other.keptAside == nil)
                #expect(other.temporaryPath == directory + "/r.2.partial")
                try file.write([1] as [UInt8])
                try file.commit()
            }
            #expect(try names(directory) == ["r", "r.partial.1", "r.partial.2"])
            var kept = try NewFile(path: directory + "/r", as: .recording)
            try kept.write([3] as [UInt8])
            kept.keep()
            #expect(try bytes(directory + "/r.partial") == [3])
        }
    }

    @Test func aFileThatIsNotCompletedGoes() throws {
        try Fixture.withTemporaryDirectory { directory in
            do { try NewFile(path: directory + "/a").write([1] as [UInt8]) }
            do { _ = try NewDirectory(path: directory + "/d") }
            #expect(try names(directory).isEmpty)
            // Somebody has removed it meanwhile, and somebody else has taken the name.
            var file = try NewFile(path: directory + "/a")
            let temporaryPath = file.temporaryPath
            try FileManager.default.removeItem(atPath: temporaryPath)
            try Fixture.write([7], to: temporaryPath)
            #expect(throws: OutputError.self) { try file.commit() }
            #expect(try names(directory) == ["a.percept.partial"])
        }
    }

    @Test(arguments: [239, 240, 247, 248, 254, 255])
    func namesMayBeAsLongAsTheFileSystemTakes(count: Int) throws {
        try Fixture.withTemporaryDirectory { directory in
            for name in [String(repeating: "x", count: count), String(repeating: "é", count: count / 2)] {
                try Fixture.write([9], to: directory + "/" + name)
                var file = try NewFile(path: directory + "/" + name, as: .recording)
                try file.write([1] as [UInt8])
                let plain = try NewFile(path: directory + "/" + name)
                #expect(try names(directory).count == 3)
                _ = consume plain
                try file.commit()
                #expect(try bytes(directory + "/" + name) == [1])
                try FileManager.default.removeItem(atPath: directory + "/" + name)
            }
            #expect(throws: OutputError.self) {
                _ = try NewFile(path: directory + "/" + String(repeating: "x", count: 256))
            }
            #expect(try names(directory).isEmpty)
        }
    }

    @Test func linksAreFollowedAndPermissionsKept() throws {
        try Fixture.withTemporaryDirectory { directory in
            let files = FileManager.default
            try files.createDirectory(atPath: directory + "/other", withIntermediateDirectories: false)
            try files.createSymbolicLink(atPath: directory + "/link", withDestinationPath: "other/target")
            // To nothing yet, then to a file that others must not read.
            try NewFile.write([1], to: directory + "/link")
            try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: directory + "/other/target")
            try NewFile.write([2], to: directory + "/link")
            #expect(try files.destinationOfSymbolicLink(atPath: directory + "/link") == "other/target")
            #expect(try bytes(directory + "/other/target") == [2])
            let attributes = try files.attributesOfItem(atPath: directory + "/other/target")
            #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o600)
            try files.createSymbolicLink(atPath: directory + "/round", withDestinationPath: "round")
            #expect(throws: OutputError.self) { try NewFile.write([1], to: directory + "/round") }
            #expect(throws: OutputError.self) { try NewFile.write([1], to: directory) }
            #expect(try names(directory) == ["link", "other", "round"])
            #expect(try names(directory + "/other") == ["target"])
        }
    }

    @Test func pipesAndDevicesAreWrittenAsTheyAre() throws {
        try Fixture.withTemporaryDirectory { directory in
            let pipe = directory + "/pipe"
            try #require(mkfifo(pipe, 0o600) == 0)
            let reader = open(pipe, O_RDONLY | O_NONBLOCK)
            try NewFile.write([1, 2, 3], to: pipe)
            var received = [UInt8](repeating: 0, count: 8)
            #expect(read(reader, &received, 8) == 3)
            close(reader)
            #expect(throws: OutputError.unwritable(file: "/dev/full", FileFault(ENOSPC))) {
                try NewFile.write([1], to: "/dev/full")
            }
            #expect(try names(directory) == ["pipe"])
            // A cache replaces whatever is there: nobody may read that pipe.
            try NewFile.write([4], to: pipe, as: .cache)
            #expect(try bytes(pipe) == [4])
        }
    }

    @Test func namesAreBytes() throws {
        try Fixture.withTemporaryDirectory { directory in
            let path = FileName.text(Array(directory.utf8) + [0x2F, 0xE9])
            try NewFile.write([1], to: path)
            #expect(try Files.names(in: directory).map(FileName.bytes) == [[0xE9]])
        }
    }
}
