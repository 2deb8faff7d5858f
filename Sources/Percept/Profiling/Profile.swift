/// Where the time of a model's runs goes, dispatch by dispatch: a value to be summed up, printed or drawn.
///
/// ```swift
/// let profile = try await encoder.profile([image])
/// for row in profile.stages[0].byKernel.prefix(3) { print(row.kernel, row.time) }
/// ```
public struct Profile: Sendable, Hashable {
    /// How commands run while they are timed.
    public enum Mode: String, Sendable, CaseIterable {
        /// One after the other, each behind a barrier: exact for each dispatch, slower in total on devices that overlap
        /// them.
        case serialised
        /// As always: exact in total. A dispatch's time is what it ends after those before it, and may hide behind them.
        case concurrent
    }

    /// Name of the model.
    public let model: String
    /// How matrices and activations are stored.
    public let precision: Precision
    /// Where it ran.
    public let device: DeviceDescription
    /// How it ran.
    public let mode: Mode
    /// What times are compared with.
    public let roofs: Roofs
    /// What was run, in order: a tower; a prompt and a decoding step.
    public let stages: [Stage]

    package init(
        model: String, precision: Precision, device: DeviceDescription, mode: Mode, roofs: Roofs, stages: [Stage]
    ) {
        self.model = model
        self.precision = precision
        self.device = device
        self.mode = mode
        self.roofs = roofs
        self.stages = stages
    }
}

extension Profile {
    /// The most a device was seen to do in a second, in micro-benchmarks of its own.
    public struct Roofs: Sendable, Hashable {
        /// Bytes read and written by copies from memory to memory.
        public let bytesPerSecond: Double
        /// f32 operations in registers, an addition and a multiplication counted as two.
        public let scalarFlopsPerSecond: Double
        /// Operations of a large matrix product with operands in the profile's precision.
        public let matrixFlopsPerSecond: Double

        package init(bytesPerSecond: Double, scalarFlopsPerSecond: Double, matrixFlopsPerSecond: Double) {
            self.bytesPerSecond = bytesPerSecond
            self.scalarFlopsPerSecond = scalarFlopsPerSecond
            self.matrixFlopsPerSecond = matrixFlopsPerSecond
        }

        /// The higher of the two.
        public var flopsPerSecond: Double { max(scalarFlopsPerSecond, matrixFlopsPerSecond) }

        /// The least time that work can take: its arithmetic or its memory traffic at the roof, whichever is longer.
        public func leastTime(flops: Double, bytes: Double) -> Duration {
            .seconds(max(flops / flopsPerSecond, bytes / bytesPerSecond))
        }
    }

    /// A moment and a length of time, after the first timestamp of the stage.
    public struct Span: Sendable, Hashable {
        /// Negative for what the host did before.
        public let start: Duration
        /// From start to end.
        public let time: Duration

        /// Where it ends.
        public var end: Duration { start + time }

        package init(start: Duration, time: Duration) {
            self.start = start
            self.time = time
        }
    }

    /// Something the host did.
    public struct HostActivity: Sendable, Hashable {
        /// `pipelines`, `record`, `submit` or `wait`.
        public let name: String
        /// When, on the device's time line.
        public let span: Span

        package init(name: String, span: Span) {
            self.name = name
            self.span = span
        }
    }

    /// One operation of the model, as the device ran it.
    public struct Entry: Sendable, Hashable {
        /// Part of the model: `blocks.3`.
        public let layer: String
        /// What it does there: `attention.qkv`; empty where the layer is one operation.
        public let operation: String
        /// The compiled kernel; `copy` for what the driver copies.
        public let kernel: String
        /// Floating-point operations, an addition and a multiplication counted as two.
        public let flops: Double
        /// Bytes that it reads and writes at least.
        public let bytes: Double
        /// The parts of the grid, several where the whole would have taken too long for one submission.
        public let spans: [Span]
        /// Whether the device's clock is fine enough to tell its start from its end.
        public let isResolved: Bool

        package init(
            layer: String, operation: String, kernel: String, flops: Double, bytes: Double, spans: [Span],
            isResolved: Bool
        ) {
            self.layer = layer
            self.operation = operation
            self.kernel = kernel
            self.flops = flops
            self.bytes = bytes
            self.spans = spans
            self.isResolved = isResolved
        }

        /// Time on the device.
        public var time: Duration { spans.reduce(.zero) { $0 + $1.time } }
    }
}
