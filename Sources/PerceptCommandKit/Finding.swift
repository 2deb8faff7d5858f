/// Something that does not work as it could, and what to do about it.
package struct Finding {
    package let text: String
    package let advice: String

    package init(_ text: String, advice: String) {
        self.text = text
        self.advice = advice
    }

    package var json: JSONText { .members(["problem": .string(text), "advice": .string(advice)]) }
}
