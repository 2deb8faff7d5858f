import PerceptCheckpoint

extension VisionConfig {
    /// Refuses sizes that no tower can have, so that later arithmetic cannot overflow.
    func validate(_ file: String) throws(CheckpointError) {
        let sizes = [
            ("image_size", imageSize, 16384), ("patch_size", patchSize, 512), ("width", width, 65536),
            ("layers", layers, 4096), ("heads", heads, 4096), ("MLP hidden size", mlpHidden, 1 << 20),
            ("output_dim", outputDim ?? 1, 1 << 20),
        ]
        for (field, value, most) in sizes { try requireSize(field, value, most, file) }
        guard imageSize.isMultiple(of: patchSize) else {
            throw .malformed(file: file, reason: "image_size \(imageSize) is not a multiple of patch_size \(patchSize)")
        }
        // Rotary positions need four channels: a pair for each axis.
        guard width.isMultiple(of: heads), headSize.isMultiple(of: 4) else {
            throw .malformed(file: file, reason: "a vision width of \(width) does not suit \(heads) heads")
        }
        if case .attention(let poolHeads) = pool, poolHeads < 1 || !width.isMultiple(of: poolHeads) {
            throw .malformed(file: file, reason: "a vision width of \(width) does not suit \(poolHeads) pooling heads")
        }
    }
}

extension TextConfig {
    /// Refuses sizes that no tower can have, so that later arithmetic cannot overflow.
    func validate(_ file: String) throws(CheckpointError) {
        let sizes = [
            ("context_length", context, 1 << 20), ("text width", width, 65536), ("text heads", heads, 4096),
            ("text layers", layers, 4096), ("text MLP hidden size", mlpHidden, 1 << 20),
            ("vocab_size", vocabulary, 1 << 24), ("text output_dim", outputDim, 1 << 20),
        ]
        for (field, value, most) in sizes { try requireSize(field, value, most, file) }
        guard width.isMultiple(of: heads) else {
            throw .malformed(file: file, reason: "a text width of \(width) does not suit \(heads) heads")
        }
    }
}

/// Refuses a size outside 1 to `most`, by name.
func requireSize(_ field: String, _ value: Int, _ most: Int, _ file: String) throws(CheckpointError) {
    guard (1...most).contains(value) else {
        throw .malformed(file: file, reason: "\(field) is \(value), outside 1 to \(most)")
    }
}
