package import PerceptFrame
import PerceptModels

/// How decoded images become inputs of a vision tower. It runs on any thread.
package struct ImagePreparation: Sendable {
    /// Height and width in pixels of the tower's input.
    let height: Int, width: Int
    let transform: ImageTransform

    package func input(_ image: DecodedFrame) -> ImageInput {
        ImageInput(image, height: height, width: width, transform: transform)
    }

    /// The inputs of a batch of images, made apart from the device's thread.
    func inputs(_ items: [EncoderItem]) async -> [ImageInput] {
        items.compactMap { if case .image(let frame) = $0 { input(frame) } else { nil } }
    }
}
