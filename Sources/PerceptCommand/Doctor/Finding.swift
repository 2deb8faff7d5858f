/// Something that does not work as it could, and what to do about it.
struct Finding {
    let text: String
    let advice: String

    init(_ text: String, advice: String) {
        self.text = text
        self.advice = advice
    }

    var json: JSONText { .members(["problem": .string(text), "advice": .string(advice)]) }
}
