import Foundation
import PerceptFrame
import PerceptMedia
import Testing

@Suite struct ImageSequenceTests {
    @Test func aPatternAFolderAndAGlobGiveTheFilesInOrderOfTheirNumbers() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "percept-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // 9 comes before 10, and 11 is missing.
        for (index, number) in [9, 10, 12, 100].enumerated() {
            var pixels = [UInt8](repeating: 0, count: 3 * 20 * 10)
            pixels[0] = UInt8(index)
            let png = try PNGWriter.encode(pixels, width: 20, height: 10)
            try Data(png).write(to: folder.appending(path: "f\(number).png"))
        }
        try Data("no picture".utf8).write(to: folder.appending(path: "notes.txt"))
        for name in ["f%d.png", "f*.png", ""] {
            var options = LiveOptions.fast
            options.frameRate = 10
            let source = try LiveInput.open(folder.appending(path: name).path, options)
            var found: [(UInt8, Double)] = []
            while case .frame(let frame)? = try source.next() {
                found.append((frame.frame.packedBytes[0], frame.time))
            }
            #expect(found.map(\.0) == [0, 1, 2, 3], "\(name)")
            #expect(found.map(\.1) == [0, 0.1, 0.2, 0.3])
            #expect(source.description.width == 20 && source.description.frameRate == 10)
        }
        let two = try Collected(try LiveInput.open(folder.appending(path: "f??.png").path, .fast))
        #expect(two.frames.count == 2)
        try Data("broken".utf8).write(to: folder.appending(path: "f11.png"))
        let tall = try PNGWriter.encode([UInt8](repeating: 0, count: 3 * 5 * 30), width: 5, height: 30)
        try Data(tall).write(to: folder.appending(path: "f101.png"))
        let all = try Collected(try LiveInput.open(folder.path, .fast))
        #expect(all.frames.count == 5 && all.frames.map(\.number) == [0, 1, 2, 3, 4])
        #expect(all.damages == 1 && all.framesBefore == [2, 4])
        #expect(all.notices.last == .resized(width: 5, height: 30))
        let empty = folder.appending(path: "empty")
        try FileManager.default.createDirectory(at: empty, withIntermediateDirectories: true)
        #expect(throws: MediaError(file: empty.path, fault: .unsupported("a folder without images"))) {
            try LiveInput.open(empty.path)
        }
        #expect(throws: MediaError(file: "\(folder.path)/g%d.png", fault: .missing)) {
            try LiveInput.open("\(folder.path)/g%d.png")
        }
    }

    @Test(arguments: [
        ("%04d.png", "0001.png", true), ("%04d.png", "00001.png", true), ("%04d.png", "001.png", false),
        ("%d.png", "7.png", true), ("%d.png", ".png", false), ("a%db%d", "a1b22", true), ("a%db%d", "a1b", false),
        ("*.jpg", "x.jpg", true), ("*.jpg", "x.jpeg", false), ("?.jpg", "xx.jpg", false), ("100%*", "100%sure", true),
    ])
    func patterns(_ pattern: String, _ name: String, _ isMatch: Bool) throws {
        #expect(try #require(NamePattern(pattern)).matches(name) == isMatch)
    }

    @Test func aNameWithoutAPatternIsNone() {
        #expect(NamePattern("film.mp4") == nil)
        #expect(NamePattern("100%.mp4") == nil)
    }
}
