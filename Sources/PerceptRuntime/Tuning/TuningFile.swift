package import Foundation
import PerceptFiles
package import PerceptGraph
import PerceptShaders
package import PerceptVulkan

/// What `Tuner` has found on a device with a driver, as it is kept in the cache directory.
///
/// A winner holds for the modules that were compared: where one of them has changed, it is passed by.
package struct TuningFile: Sendable {
    package struct Entry: Codable, Hashable, Sendable {
        /// A `ShapeClass`.
        package var shape: String
        /// The name of the candidate that was fastest.
        package var winner: String
        /// Kernels of the candidates that were compared.
        package var kernels: [String]
        /// The fingerprint of their modules.
        package var build: UInt64
        package var date: Date

        package init(shape: String, winner: String, kernels: [String], build: UInt64, date: Date) {
            self.shape = shape
            self.winner = winner
            self.kernels = kernels
            self.build = build
            self.date = date
        }
    }

    private struct Document: Codable {
        var entries: [Entry]
    }

    /// Those that hold.
    package private(set) var entries: [Entry] = []
    /// How many were passed by, because a module has changed.
    package private(set) var staleCount = 0
    /// Why the file could not be read; what it held counts as nothing, and the next tuning replaces it.
    package private(set) var fault: String?
    private var url: URL?

    /// Nothing measured, and nowhere to keep it.
    package init() {}

    /// Reads what is kept of a device; nothing where there is no directory.
    package init(of device: PhysicalDevice, in directory: URL?) {
        url = directory?.appending(path: device.cacheFileName("tuning"))
        guard let url, FileManager.default.fileExists(atPath: url.path) else { return }
        do {
            var builds: [[String]: UInt64] = [:]
            for entry in try JSONDecoder().decode(Document.self, from: Data(contentsOf: url)).entries {
                let build = builds[entry.kernels] ?? Self.build(entry.kernels)
                builds[entry.kernels] = build
                if build == entry.build { entries.append(entry) } else { staleCount += 1 }
            }
        } catch {
            entries = []
            fault = "\(url.path) is damaged"
        }
    }

    package var table: TuningTable {
        TuningTable(Dictionary(entries.map { (ShapeClass($0.shape), $0.winner) }) { $1 })
    }

    /// Adds winners, in place of older ones for the same shapes, and writes the file anew.
    ///
    /// - Returns: why it could not be written.
    package mutating func keep(_ winners: [Entry]) -> (any Error)? {
        let shapes = Set(winners.map(\.shape))
        entries = entries.filter { !shapes.contains($0.shape) } + winners
        guard let url else { return nil }
        do {
            let files = FileManager.default
            try files.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
            try NewFile.write([UInt8](JSONEncoder().encode(Document(entries: entries))), to: url.path, as: .cache)
            (fault, staleCount) = (nil, 0)
            return nil
        } catch {
            return error
        }
    }

    /// The fingerprint of kernels by name.
    package static func build(_ names: [String]) -> UInt64 {
        ShaderSource.fingerprint(names.compactMap { name in Catalog.all.first { $0.name == name } })
    }
}
