package import PerceptCheckpoint
package import PerceptJSON

/// What the processors of a checkpoint in transformers' layout do to pictures and videos, where it is not what the
/// original release does (transformers: `image_processing_perception_lm.py`, `video_processing_utils.py`).
///
/// Both resize 8-bit tensors, in PyTorch's integers; every picture is tiled, however many there are; and frames of a video
/// are spread evenly from its first.
package struct PLMProcessing: Sendable, Hashable {
    /// Of a video, how many frames are taken.
    package enum Sampling: Sendable, Hashable {
        case count(Int)
        /// So many a second.
        case rate(Double)
    }

    package var pictures: ImageTransform
    package var frames: ImageTransform
    package var sampling: Sampling

    package init(pictures: ImageTransform, frames: ImageTransform, sampling: Sampling) {
        self.pictures = pictures
        self.frames = frames
        self.sampling = sampling
    }

    /// What transformers reads from the files beside a checkpoint: those of its version 5 have both processors in
    /// `processor_config.json`; older ones have a file for each, and that of pictures serves videos where theirs is missing.
    /// Nil where there is none of them.
    ///
    /// - Parameters:
    ///   - side: of the tower's input, which the processors' sizes must be.
    ///   - usualFrames: taken where the files leave the number to the caller, as transformers does.
    /// - Throws: ``CheckpointError`` for fields that make no sense, and for steps that are not followed here.
    package init?(
        processor: JSON?, preprocessor: JSON?, videoPreprocessor: JSON?, directory: String, side: Int, usualFrames: Int
    ) throws(CheckpointError) {
        func fields(_ json: JSON?, _ name: String) -> ConfigFields? {
            json.map { ConfigFields(json: $0, file: "\(directory)/\(name)") }
        }
        let both = fields(processor, "processor_config.json")
        let older = fields(preprocessor, "preprocessor_config.json")
        let nested = try (images: both?.object("image_processor"), videos: both?.object("video_processor"))
        let images = nested.images ?? older
        let videos = nested.videos ?? fields(videoPreprocessor, "video_preprocessor_config.json") ?? older
        guard images != nil || videos != nil else { return nil }
        pictures = .plm
        frames = .plm
        sampling = .count(usualFrames)
        if let images {
            try images.requireFollowed(side: side)
            pictures = try ImageTransform(processor: images)
        }
        if let videos {
            try videos.requireFollowed(side: side)
            frames = try ImageTransform(processor: videos)
            if let count = try videos.integer("num_frames") {
                guard count > 0 else { throw videos.fault("num_frames", "a number of frames") }
                sampling = .count(count)
            } else if let rate = try videos.number("fps") {
                guard rate > 0, rate.isFinite else { throw videos.fault("fps", "a number of frames a second") }
                sampling = .rate(rate)
            }
        }
    }

    /// Indices of the frames that transformers takes of a video, ascending (transformers: `video_utils.py`,
    /// `default_sample_indices_fn`). It refuses to take more than there are, where all are taken here.
    ///
    /// - Parameters:
    ///   - count: frames of the video.
    ///   - fps: average frames a second.
    ///   - limit: how many the caller wants; nil leaves it to the checkpoint.
    package func frameIndices(count: Int, fps: Double, limit: Int? = nil) throws(PLMInputError) -> [Int] {
        guard count > 0 else { throw .noFrames }
        var wanted: Int
        switch sampling {
        case .count(let stated): wanted = limit ?? stated
        case .rate(let rate):
            if let limit {
                wanted = limit
            } else {
                guard fps > 0, fps.isFinite else { throw .unknownFrameRate(fps) }
                wanted = Int(min(Double(count) / fps * rate, Double(count)))
            }
        }
        wanted = min(max(wanted, 1), count)
        return (0..<wanted).map { $0 * count / wanted }
    }
}

extension ConfigFields {
    /// - Throws: where a processor of transformers is told to leave out a step, to take another, or to make other sizes.
    fileprivate func requireFollowed(side: Int) throws(CheckpointError) {
        for step in ["do_resize", "do_rescale", "do_normalize"] where try bool(step) == false {
            throw .unsupported(file: file, feature: "'\(step)': false")
        }
        for step in ["do_center_crop", "do_pad"] where try bool(step) == true {
            throw .unsupported(file: file, feature: "'\(step)': true")
        }
        if let factor = try number("rescale_factor"), abs(factor * 255 - 1) > 1e-6 {
            throw .unsupported(file: file, feature: "'rescale_factor': \(factor)")
        }
        // Tiles have a size of their own, and pictures are resized to that alone.
        if try integer("tile_size") == nil, let size = try object("size") {
            for name in ["height", "width"] {
                let stated = try size.integer(name)
                guard stated == side else {
                    throw .malformed(
                        file: file,
                        reason:
                            "'size' has \(stated.map { "the \(name) \($0)" } ?? "no \(name)"), the tower's is \(side)")
                }
            }
        }
    }
}
