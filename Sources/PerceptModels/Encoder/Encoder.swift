/// An encoder of whatever family: its name, its vision tower, and a text tower if it was trained with one.
package struct Encoder: Sendable {
    package let name: String
    package let vision: any VisionTower
    package let text: TextConfig?

    package init(name: String, vision: any VisionTower, text: TextConfig?) {
        self.name = name
        self.vision = vision
        self.text = text
    }

    package init(_ config: EncoderConfig) {
        self.init(name: config.name, vision: config.vision, text: config.text)
    }
}
