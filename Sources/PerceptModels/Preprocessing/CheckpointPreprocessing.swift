import PerceptCheckpoint
import PerceptFiles
import PerceptJSON

extension ImageTransform {
    /// What the JSON beside a checkpoint says: open_clip's `preprocess_cfg`, else timm's `pretrained_cfg`.
    ///
    /// - Throws: ``Refusal`` where there is none, or it asks for something else than a bilinear or bicubic squash
    ///   or centre crop.
    package init(checkpoint directory: String?) throws {
        self = .official
        for name in ["open_clip_config.json", "config.json"] {
            guard let path = directory.map({ FileName.joined($0, name) }), Files.exists(path) else {
                continue
            }
            let json = try JSON(contentsOf: path)
            guard let fields = json["preprocess_cfg"] ?? json["pretrained_cfg"] else { continue }
            try read(fields, file: path)
            return
        }
        throw Refusal(.usage, "there is no preprocessing beside the checkpoint to follow")
    }

    private mutating func read(_ fields: JSON, file: String) throws {
        switch fields["interpolation"]?.string ?? "bicubic" {
        case "bilinear": filter = .bilinear
        case "bicubic": filter = .bicubic
        case let other: throw Refusal(.badData, "\(file): interpolation \(other) is not known")
        }
        switch fields["resize_mode"]?.string ?? fields["crop_mode"]?.string ?? "center" {
        case "squash": fit = .squash
        case "center", "shortest":
            let fraction = fields["crop_pct"]?.number ?? 1
            // Less than a percent of an image is nobody's crop, and a size that overflows in the end.
            guard (0.01...1).contains(fraction) else {
                throw Refusal(.badData, "\(file): crop_pct \(fraction) is not between 0.01 and 1")
            }
            fit = .centreCrop(fraction: fraction)
        case let other: throw Refusal(.badData, "\(file): resize mode \(other) is not known")
        }
        mean = try values("mean", fields, file) ?? mean
        deviation = try values("std", fields, file) ?? deviation
        guard mean.allSatisfy(\.isFinite), deviation.allSatisfy({ $0.isFinite && $0 > 0 }) else {
            throw Refusal(.badData, "\(file): mean \(mean) and std \(deviation) normalise nothing")
        }
    }

    private func values(_ name: String, _ fields: JSON, _ file: String) throws -> [Float]? {
        guard let value = fields[name] else { return nil }
        guard case .array(let items) = value, items.count == 3, !items.contains(where: { $0.number == nil }) else {
            throw Refusal(.badData, "\(file): \(name) is not three numbers")
        }
        return items.map { Float($0.number ?? 0) }
    }
}
