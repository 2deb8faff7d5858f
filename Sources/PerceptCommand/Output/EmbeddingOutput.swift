import ArgumentParser
import Percept
import PerceptCommandKit
import PerceptFiles

/// What `embed --out` writes: a row for every input, in their order, of NaN where one could not be read, and beside an `.npy`
/// the list of its inputs, `NAME.sources`; a `.safetensors` has that in its metadata.
struct EmbeddingOutput {
    let file: ArrayFile
    private let metadata: [String: String]
    private let texts: [(text: String, values: [Float])]

    private static let suffix = ".sources"

    init(_ file: ArrayFile, _ encoder: PerceptionEncoder, texts: [(text: String, values: [Float])]) {
        self.file = file
        self.texts = texts
        metadata = [
            "model": encoder.modelName, "precision": encoder.precision.rawValue,
            "device": encoder.gpu.description.name,
        ]
    }

    /// Refuses, before anything is computed, a name to which nothing can be added.
    static func check(_ file: ArrayFile) throws {
        guard file.format == .npy else { return }
        let bytes = FileName.bytes(FileName.last(file.path)).count + suffix.utf8.count
        let longest = Files.longestName(in: FileName.folder(file.path))
        guard bytes > longest else { return }
        throw ValidationError(
            "\(FileName.shown(file.path)): with \(suffix) behind it, the name has \(bytes) bytes, and \(longest) are possible here."
        )
    }

    /// Writes all rows.
    func write(_ rows: EmbeddingRows, width: Int) throws {
        switch file.format {
        case .npy: try writeArray(rows, width)
        case .safetensors: try writeTensor(rows, width)
        }
        Console.shared.detail("wrote \(file.path)")
    }

    private func writeArray(_ rows: EmbeddingRows, _ width: Int) throws {
        var array = try ArrayWriter(path: file.path, as: .npy, arrays: [entry(rows, width)])
        // Pipes and devices have nothing beside them.
        var sources = array.isFile ? try NewFile(path: file.path + Self.suffix) : nil
        let nothing = [Float](repeating: .nan, count: width)
        try rows.forEach { row in
            try array.write(row.values ?? nothing)
            try sources?.write(Self.line(FileName.bytes(row.origin.name), row.fault))
        }
        for (text, values) in texts {
            try array.write(values)
            try sources?.write(Self.line(Array(text.utf8), ""))
        }
        // In this order: an array has its list beside it from the beginning.
        try Interruption.uninterrupted {
            try sources?.commit()
            try array.finish()
        }
    }

    private func writeTensor(_ rows: EmbeddingRows, _ width: Int) throws {
        var (kinds, sources, faults): ([String], [String], [String]) = ([], [], [])
        try rows.forEach { row in
            kinds.append(row.kind)
            sources.append(row.origin.shown)
            faults.append(row.fault)
        }
        for (text, _) in texts {
            kinds.append("text")
            sources.append(text)
            faults.append("")
        }
        let lists = ["kinds": kinds, "sources": sources, "faults": faults].mapValues { JSONText.strings($0).text }
        var stream = try ArrayWriter(
            path: file.path, as: .safetensors, arrays: [entry(rows, width)], metadata: metadata.merging(lists) { $1 })
        let nothing = [Float](repeating: .nan, count: width)
        try rows.forEach { row in try stream.write(row.values ?? nothing) }
        for (_, values) in texts { try stream.write(values) }
        try stream.finish()
    }

    private func entry(_ rows: EmbeddingRows, _ width: Int) -> ArrayWriter.Entry {
        .init("embeddings", [rows.count + texts.count, width])
    }

    /// A name with its fault: what would be taken for the end of either is written as in many languages.
    static func line(_ name: [UInt8], _ fault: String) -> [UInt8] {
        escaped(name) + [0x09] + escaped(fault.utf8) + [0x0A]
    }

    private static func escaped(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        bytes.flatMap { byte -> [UInt8] in
            switch byte {
            case 0x09: Array("\\t".utf8)
            case 0x0A: Array("\\n".utf8)
            case 0x5C: Array("\\\\".utf8)
            default: [byte]
            }
        }
    }
}

extension EmbeddingRows.Row {
    /// Empty where there is none.
    fileprivate var fault: String {
        if case .lost(let error) = content { error.message } else { "" }
    }

    /// Empty for what could not be read.
    fileprivate var kind: String {
        switch content {
        case .embedding(.image, _): "image"
        case .embedding(.video, _): "video"
        case .lost: ""
        }
    }
}
