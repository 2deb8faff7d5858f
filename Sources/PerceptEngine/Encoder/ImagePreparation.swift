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

    /// The items of a call: made ready at once where they are few, else a batch at a time.
    package func items(_ images: [DecodedFrame], few: Int) -> [EncoderItem] {
        images.map { images.count <= few ? .prepared(input($0)) : .image($0) }
    }

    /// The inputs of a batch of images, made apart from the device's thread where they are not ready.
    func inputs(_ items: [EncoderItem], isolation: isolated (any Actor)? = #isolation) async -> [ImageInput] {
        let ready = items.compactMap { if case .prepared(let input) = $0 { input } else { nil } }
        return ready.count == items.count ? ready : await made(items)
    }

    @concurrent private nonisolated func made(_ items: [EncoderItem]) async -> [ImageInput] {
        items.compactMap { item in
            switch item {
            case .image(let frame): input(frame)
            case .prepared(let input): input
            case .tensor, .ids: nil
            }
        }
    }
}
