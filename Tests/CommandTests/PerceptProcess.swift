import Foundation
import TestSupport

extension PerceptProcess {
    static let fixtures = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Fixtures")
    static let media = fixtures.appending(path: "media")
    static let photo = media.appending(path: "coffee.jpg").path
    static let video = media.appending(path: "shapes.mp4").path
    static let checkpoints = fixtures.appending(path: "pe/files")
}
