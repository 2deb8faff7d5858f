import PerceptCheckpoint

extension LanguageConfig {
    /// Refuses sizes that no decoder can have, so that later arithmetic cannot overflow.
    func validate(_ file: String) throws(CheckpointError) {
        let sizes = [
            ("decoder width", dim, 65536), ("decoder layers", layers, 4096), ("decoder heads", heads, 4096),
            ("key heads", kvHeads, heads), ("head size", headSize, 4096), ("feed-forward size", hidden, 1 << 20),
            ("vocabulary size", vocabulary, 1 << 24), ("largest position", maxPositions, 1 << 24),
        ]
        for (field, value, most) in sizes { try requireSize(field, value, most, file) }
        guard heads.isMultiple(of: kvHeads) else {
            throw .malformed(file: file, reason: "\(heads) decoder heads do not suit \(kvHeads) key heads")
        }
        // Rotary positions turn pairs of channels.
        guard headSize.isMultiple(of: 2), queryWidth <= 1 << 20 else {
            throw .malformed(file: file, reason: "a head size of \(headSize) does not suit \(heads) decoder heads")
        }
        try requireNumber("rope_theta", ropeTheta, 1...1e12, file)
        try requireNumber("norm epsilon", normEpsilon, 1e-30...1, file)
        guard let ropeScaling else { return }
        try requireSize("original positions", ropeScaling.originalPositions, 1 << 24, file)
        try requireNumber("rope scale factor", ropeScaling.factor, 1e-6...1e6, file)
        try requireNumber("low_freq_factor", ropeScaling.lowFrequency, 1e-6...1e6, file)
        try requireNumber("high_freq_factor", ropeScaling.highFrequency, 1e-6...1e6, file)
        guard ropeScaling.highFrequency > ropeScaling.lowFrequency else {
            throw .malformed(
                file: file,
                reason: "high_freq_factor \(ropeScaling.highFrequency) does not exceed low_freq_factor "
                    + "\(ropeScaling.lowFrequency)")
        }
    }
}

extension PLMConfig {
    /// Refuses what the parts cannot do together.
    func validate(_ file: String) throws(CheckpointError) {
        try requireSize("pooling ratio", poolingRatio, 64, file)
        try requireSize("most tiles", maxTiles, 1024, file)
        try requireSize("most frames", maxFrames, 1 << 16, file)
        guard case .none = vision.pool else {
            throw .unsupported(file: file, feature: "a language model whose tower pools its tokens")
        }
        // Adaptive pooling of another grid would average squares of different sizes.
        guard vision.gridSize.isMultiple(of: poolingRatio) else {
            throw .malformed(
                file: file,
                reason: "a grid of \(vision.gridSize) patches a side does not suit a pooling ratio of \(poolingRatio)")
        }
        for (field, id) in [("image token id", imageTokenID), ("video token id", videoTokenID)] {
            guard (0..<language.vocabulary).contains(id) else {
                throw .malformed(
                    file: file, reason: "\(field) is \(id), outside a vocabulary of \(language.vocabulary)")
            }
        }
    }
}

private func requireNumber(
    _ field: String, _ value: Double, _ range: ClosedRange<Double>, _ file: String
) throws(CheckpointError) {
    guard range.contains(value) else {
        throw .malformed(
            file: file, reason: "\(field) is \(value), outside \(range.lowerBound) to \(range.upperBound)")
    }
}
