import Foundation

/// A rectangle of an image as the models read and write it: corners in thousandths of the sides, such as
/// `[040,482,112,576]` (perception_models: core/transforms/region_transform.py, format "000").
package struct RegionBox: Hashable, Sendable {
    /// Left, top, right and bottom in thousandths, 0 to 999.
    package let thousandths: [Int]

    /// A rectangle in pixels; what lies outside the image is cut off. Nil for a coordinate that is not a number and for
    /// an image without size.
    package init?(x: Double, y: Double, width: Double, height: Double, imageWidth: Int, imageHeight: Int) {
        guard imageWidth > 0, imageHeight > 0 else { return nil }
        let fractions = [
            x / Double(imageWidth), y / Double(imageHeight), (x + width) / Double(imageWidth),
            (y + height) / Double(imageHeight),
        ]
        guard fractions.allSatisfy(\.isFinite) else { return nil }
        thousandths = fractions.map { Int(min(max($0, 0), 0.999) * 1000) }
    }

    /// The first rectangle in a model's answer; nil where there is none.
    package init?(firstIn text: String) {
        for part in text.split(separator: "[", omittingEmptySubsequences: false).dropFirst() {
            guard let end = part.firstIndex(of: "]") else { return nil }
            let numbers = part[..<end].split(separator: ",", omittingEmptySubsequences: false).map {
                Int($0.trimmingCharacters(in: .whitespaces))
            }
            guard numbers.count == 4 else { continue }
            let values = numbers.compactMap(\.self).filter { (0...999).contains($0) }
            guard values.count == 4 else { continue }
            thousandths = values
            return
        }
        return nil
    }

    package var text: String {
        let digits = thousandths.map { String(repeating: "0", count: 3 - String($0).count) + String($0) }
        return "[" + digits.joined(separator: ",") + "]"
    }

    /// Left, top, right and bottom in pixels of an image.
    package func corners(imageWidth: Int, imageHeight: Int) -> [Double] {
        zip(thousandths, [imageWidth, imageHeight, imageWidth, imageHeight]).map { Double($0 * $1) / 1000 }
    }

    /// `text` with every `<|bboxN|>` replaced by the box of that index.
    ///
    /// - Throws: ``PLMInputError/missingBox(index:given:)``.
    package static func replacingPlaceholders(
        in text: String, with boxes: [RegionBox]
    ) throws(PLMInputError) -> String {
        let opening = "<|bbox"
        var result = ""
        var rest = text[...]
        while let start = rest.range(of: opening) {
            let digits = rest[start.upperBound...].prefix { $0.isASCII && $0.isNumber }
            result += rest[..<start.lowerBound]
            guard !digits.isEmpty, rest[digits.endIndex...].hasPrefix("|>") else {
                result += opening
                rest = rest[start.upperBound...]
                continue
            }
            let index = Int(digits) ?? Int.max
            guard index < boxes.count else { throw .missingBox(index: index, given: boxes.count) }
            result += boxes[index].text
            rest = rest[digits.endIndex...].dropFirst(2)
        }
        return result + rest
    }
}
